"""Code that all tests share: daemons, programs, machines, and the list of reports."""
