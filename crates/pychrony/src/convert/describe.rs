//! The tables of the reports for Python: the metadata of fields, and records as dictionaries.

use super::{Dataclass, plain};
use libchrony::{Datum, Field, REPORTS, Type, Value};
use pyo3::IntoPyObjectExt;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyType};
use std::time::{Duration, UNIX_EPOCH};

/// Returns the metadata of the fields of a report, by their names.
#[pyfunction]
pub(crate) fn describe<'py>(py: Python<'py>, report: &str) -> PyResult<Bound<'py, PyDict>> {
    let table = REPORTS.iter().find(|table| table.name.to_bytes() == report.as_bytes());
    let table = table.ok_or_else(|| PyValueError::new_err(format!("there is no report {report}")))?;
    let described = PyDict::new(py);
    for field in table.fields {
        let metadata = PyDict::new(py);
        let unit = field.unit().name();
        metadata.set_item("unit", (!unit.is_empty()).then_some(unit))?;
        metadata.set_item("doc", doc(field))?;
        metadata.set_item("positive", field.positive.map(libchrony::Sense::name))?;
        let names = [Some(field.libchrony), field.or].into_iter().flatten();
        let names: Vec<_> = names.map(|name| name.to_string_lossy()).collect();
        metadata.set_item("libchrony", names.join(" or "))?;
        metadata.set_item("since", field.since.or(table.since))?;
        described.set_item(field.name, metadata)?;
    }
    Ok(described)
}

/// Returns the documentation of a field, for the values that it has in Python.
fn doc(field: &Field) -> String {
    let doc = field.doc.split_whitespace().collect::<Vec<_>>().join(" ");
    match field.kind {
        Type::Text => doc.replace("`None`", "Empty"),
        Type::Time => doc.replace("The epoch if", "0 if"),
        _ if field.constants.is_some_and(|constants| !constants.is_open) => {
            format!("{doc} A member of `{}`.", field.rust_type)
        }
        _ => doc,
    }
}

/// Returns the fields of a record, ready for JSON.
#[pyfunction]
pub(crate) fn to_dict<'py>(record: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyDict>> {
    let py = record.py();
    let dataclass = Dataclass::of(&record.get_type().cast_into::<PyType>()?)?;
    let fields = &dataclass.fields;
    // In the order of the table.
    let values: Vec<_> = (0..fields.len())
        .filter_map(|place| fields.iter().find(|field| field.value == place))
        .map(|field| record.getattr(field.name.bind(py)))
        .collect::<PyResult<_>>()?;
    let text = |(field, value): (&Field, &Bound<'_, PyAny>)| match field.kind {
        Type::Text => value.extract(),
        _ => Ok(None),
    };
    let texts = dataclass.table.fields.iter().zip(&values).map(text).collect::<PyResult<Vec<Option<String>>>>()?;
    let mut given = Vec::new();
    for ((field, value), text) in dataclass.table.fields.iter().zip(&values).zip(&texts) {
        given.push(of_python(field, value, text.as_deref())?);
    }
    let found = PyDict::new(py);
    for ((field, datum), value) in dataclass.table.fields.iter().zip(dataclass.table.data(&given)).zip(values) {
        found.set_item(field.name, to_python(py, datum, value)?)?;
    }
    Ok(found)
}

/// Returns the value of a field of a Python record, with its text if it is one.
fn of_python<'a>(field: &Field, value: &Bound<'_, PyAny>, text: Option<&'a str>) -> PyResult<Value<'a>> {
    Ok(match field.kind {
        _ if value.is_none() => Value::Missing,
        _ if field.content == libchrony::Content::Boolean => Value::Boolean(value.extract()?),
        _ if field.content == libchrony::Content::Flags => Value::Flags(value.extract()?),
        Type::Unsigned(_) if field.constants.is_some() => Value::Constant(value.extract()?),
        Type::Unsigned(_) => Value::Unsigned(value.extract()?),
        Type::Signed(_) => Value::Signed(value.extract()?),
        Type::Float => Value::Float(value.extract()?),
        Type::Time => {
            let seconds = value.extract()?;
            let time = Duration::try_from_secs_f64(seconds).ok().and_then(|since| UNIX_EPOCH.checked_add(since));
            Value::Time(time.ok_or_else(|| {
                let name = field.name;
                PyValueError::new_err(format!("{name}: {seconds} is not a time in seconds since the epoch"))
            })?)
        }
        // Python has an empty text for None.
        _ => Value::Text(text.filter(|text| !text.is_empty() || !field.rust_type.starts_with("Option"))),
    })
}

/// Returns a value that is ready for JSON. Times and texts are those of the record.
fn to_python<'py>(py: Python<'py>, datum: Datum, value: Bound<'py, PyAny>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match datum {
        Datum::Never | Datum::Unknown | Datum::None => py.None().into_bound(py),
        Datum::Word(word) => word.into_bound_py_any(py)?,
        Datum::Number(number) => plain(py, Value::Unsigned(number))?,
        Datum::Flags(words, rest) => {
            let list = PyList::new(py, words)?;
            for bit in (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| rest & bit != 0) {
                list.append(bit)?;
            }
            list.into_any()
        }
        _ => value,
    })
}
