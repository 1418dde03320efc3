//! Every record has the values that chronyd sent, or is an error with the name of a field.

mod fields;
mod generic;
mod kinds;
mod lists;
mod real;
mod records;
mod reference_clocks;
mod serialized;
mod views;
