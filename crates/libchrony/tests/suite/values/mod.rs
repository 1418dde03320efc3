//! Every record is what chronyd said, or an error with the name of a field.

mod fields;
mod generic;
mod kinds;
mod lists;
mod real;
mod records;
mod reference_clocks;
