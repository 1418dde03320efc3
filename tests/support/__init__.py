"""What the tests of all folders use: daemons, programs, machines, and the list of reports. Nothing is expected here."""
