//! The values that a call from Python reads: the records of a dataclass, or a report that only libchrony describes.

use crate::convert::{Dataclass, list, plain};
use crate::health::{self, Policy};
use chrony_health::Verdict;
use libchrony::{AnyField, AnyRecords, Connection, Error, Rows, Table, Type};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyTuple, PyType};

/// The kind of result that a call reads.
pub(crate) enum Wanted {
    /// An answer of any kind: the call looks for a chronyd.
    Answer,
    Records(&'static Dataclass),
    /// A report's name, and the class of its fields: a `NamedTuple`.
    Report(String, Py<PyType>),
    /// A verdict on the clock.
    Verdict(Policy),
}

/// The records that a call has read, before their conversion.
pub(crate) enum Records {
    None,
    Typed(Rows),
    Any(AnyRecords),
    Verdict(Box<Verdict>),
}

impl Wanted {
    /// Takes a dataclass, a report's name and the class of its fields, a policy for a verdict, or `None` for an answer of
    /// any kind.
    pub(crate) fn of(record: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(class) = record.cast::<PyType>() {
            return Dataclass::of(class).map(Self::Records);
        }
        if record.is_none() {
            return Ok(Self::Answer);
        }
        if let Ok(policy) = record.cast::<Policy>() {
            return Ok(Self::Verdict(policy.get().clone()));
        }
        let (name, class): (Bound<'_, PyAny>, Bound<'_, PyType>) = record.extract()?;
        let Ok(text) = name.cast::<PyString>() else {
            return Err(PyTypeError::new_err(format!("name must be a str, not {}", name.get_type().name()?)));
        };
        // No report has a lone surrogate in its name.
        Ok(Self::Report(text.to_string_lossy().into_owned(), class.unbind()))
    }

    /// Returns the table of the report of a dataclass.
    pub(crate) fn table(&self) -> Option<&'static Table> {
        if let Self::Records(class) = self { Some(class.table) } else { None }
    }

    /// Returns the name of a report that only libchrony describes.
    pub(crate) fn name(&self) -> Option<&str> {
        if let Self::Report(name, _) = self { Some(name) } else { None }
    }

    pub(crate) fn read(&self, connection: &Connection) -> Result<Records, Error> {
        match self {
            Self::Answer => connection.connect().map(|_| Records::None),
            Self::Records(class) => connection.rows(class.table).map(Records::Typed),
            Self::Report(name, _) => connection.report(name).map(Records::Any),
            Self::Verdict(policy) => Ok(Records::Verdict(Box::new(policy.read(connection)))),
        }
    }

    /// Converts the records to Python values. As in `convert`, no Python code runs here.
    pub(crate) fn convert<'py>(&self, py: Python<'py>, records: Records) -> PyResult<Bound<'py, PyAny>> {
        match (self, records) {
            (Self::Answer, Records::None) => Ok(py.None().into_bound(py)),
            (Self::Records(class), Records::Typed(records)) => class.convert(py, records),
            (Self::Report(_, class), Records::Any(records)) => {
                let new = py.get_type::<PyTuple>().getattr("__new__")?;
                list(py, records, |record| {
                    let fields = PyDict::new(py);
                    for (name, field) in record.fields() {
                        fields.set_item(PyString::intern(py, name), new.call1((class, parts(py, field)?))?)?;
                    }
                    Ok(fields.into_any())
                })
            }
            (Self::Verdict(_), Records::Verdict(verdict)) => {
                Ok(health::to_json(&verdict)?.into_pyobject(py)?.into_any())
            }
            _ => unreachable!("a call reads the records that it was asked for"),
        }
    }
}

/// Returns the parts of a field, in the order of the Python class. All records share each text of libchrony.
fn parts<'py>(py: Python<'py>, field: &AnyField) -> PyResult<Bound<'py, PyTuple>> {
    let [kind, content, unit] = [field.kind.map_or("none", Type::name), field.content.name(), field.unit().name()]
        .map(|text| PyString::intern(py, text));
    let words = PyTuple::new(py, field.words.iter().map(|word| PyString::intern(py, word)))?;
    (plain(py, field.value())?, kind, content, unit, words).into_pyobject(py)
}
