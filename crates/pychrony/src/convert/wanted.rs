//! What a call of Python's wants: the records of a dataclass, or a report by its name, as libchrony itself describes it.

use crate::convert::{Dataclass, plain};
use libchrony::{AnyField, AnyRecords, Connection, Error, Rows, Type};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyTuple, PyType};
use std::sync::Arc;

pub(crate) enum Wanted {
    Records(Arc<Dataclass>),
    /// A report's name, and the class of its fields: a `NamedTuple`.
    Report(String, Py<PyType>),
}

/// What was read.
pub(crate) enum Records {
    /// No records: the call only looked for a chronyd.
    None,
    Typed(Rows),
    Any(AnyRecords),
}

impl From<()> for Records {
    fn from((): ()) -> Self {
        Self::None
    }
}

impl From<Rows> for Records {
    fn from(records: Rows) -> Self {
        Self::Typed(records)
    }
}

impl From<AnyRecords> for Records {
    fn from(records: AnyRecords) -> Self {
        Self::Any(records)
    }
}

impl Wanted {
    /// What Python hands in: a dataclass, or a report's name and the class of its fields.
    pub(crate) fn of(record: &Bound<'_, PyAny>) -> PyResult<Self> {
        if let Ok(class) = record.cast::<PyType>() {
            return Dataclass::of(class).map(Self::Records);
        }
        let (name, class): (Bound<'_, PyAny>, Bound<'_, PyType>) = record.extract()?;
        let Ok(text) = name.cast::<PyString>() else {
            return Err(PyTypeError::new_err(format!("name must be a str, not {}", name.get_type().name()?)));
        };
        // No report has a lone surrogate in its name.
        Ok(Self::Report(text.to_string_lossy().into_owned(), class.unbind()))
    }

    pub(crate) fn read(&self, connection: &Connection) -> Result<Records, Error> {
        match self {
            Self::Records(class) => connection.rows(class.table).map(Records::Typed),
            Self::Report(name, _) => connection.report(name).map(Records::Any),
        }
    }

    /// What was read, as Python has it. As in `convert`, no Python code runs here.
    pub(crate) fn convert<'py>(&self, py: Python<'py>, records: Records) -> PyResult<Bound<'py, PyAny>> {
        match (self, records) {
            (Self::Records(class), Records::Typed(records)) => class.convert(py, records),
            (Self::Report(_, class), Records::Any(records)) => {
                let new = py.get_type::<PyTuple>().getattr("__new__")?;
                let list = PyList::empty(py);
                for record in records {
                    let Some(record) = record else {
                        list.append(py.None())?;
                        continue;
                    };
                    let fields = PyDict::new(py);
                    for (name, field) in record.fields() {
                        fields.set_item(PyString::intern(py, name), new.call1((class, parts(py, field)?))?)?;
                    }
                    list.append(fields)?;
                }
                Ok(list.into_any())
            }
            _ => unreachable!("what was read is what was wanted"),
        }
    }
}

/// The parts of a field, in the order of Python's class. Each text of libchrony's is there once, for all records.
fn parts<'py>(py: Python<'py>, field: &AnyField) -> PyResult<Bound<'py, PyTuple>> {
    let [kind, content, unit] = [field.kind.map_or("none", Type::name), field.content.name(), field.unit().name()]
        .map(|text| PyString::intern(py, text));
    let words = PyTuple::new(py, field.words.iter().map(|word| PyString::intern(py, word)))?;
    (plain(py, field.value())?, kind, content, unit, words).into_pyobject(py)
}
