//! Records of the crate `libchrony` as instances of the dataclasses that Python hands in.
//!
//! A dataclass names its report, and its fields have the names of the report's table, so one conversion serves all
//! reports. It fills the instance's `__dict__` rather than calling the frozen dataclass's `__init__`, which
//! sets the fields one by one through a guarded path and takes several times as long. No Python code runs here: a
//! daemon thread that is in the middle of such code when the interpreter ends would crash it (before Python 3.14).

pub(crate) mod describe;
pub(crate) mod errors;
pub(crate) mod wanted;

use libchrony::{Address, REPORTS, ReferenceId, Row, Rows, Shape, Table, Transport, Value};
use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyInt, PyList, PyString, PyType};
use std::ffi::OsString;
use std::sync::{Mutex, PoisonError};
use std::time::UNIX_EPOCH;

/// A dataclass, its report, and the means to fill an instance.
pub(crate) struct Dataclass {
    pub(crate) table: &'static Table,
    class: Py<PyType>,
    new: Py<PyAny>,
    /// The name of an instance's own dictionary.
    dict: Py<PyString>,
    /// The fields, in the dataclass's order.
    fields: Vec<Field>,
}

struct Field {
    name: Py<PyString>,
    /// The index of its value among the report's.
    value: usize,
    constants: Option<Constants>,
}

/// The enum of a field.
struct Constants {
    class: Py<PyType>,
    /// Its members by number. Combinations of flags become members when they first occur.
    members: Py<PyDict>,
    /// The names of single flags, from the lowest bit up.
    flags: Vec<(u64, String)>,
    /// `int.__new__`, which makes members without running Python code.
    new: Py<PyAny>,
}

impl Dataclass {
    /// Returns the description of a class. It is made on first use and kept. The lock is not held while Python code may
    /// run.
    pub(crate) fn of(class: &Bound<'_, PyType>) -> PyResult<&'static Self> {
        static KNOWN: Mutex<Vec<&Dataclass>> = Mutex::new(Vec::new());
        let known = || KNOWN.lock().unwrap_or_else(PoisonError::into_inner);
        let found = known().iter().copied().find(|known| known.class.is(class));
        if let Some(found) = found {
            return Ok(found);
        }
        let found: &_ = Box::leak(Box::new(Self::look_at(class)?));
        known().push(found);
        Ok(found)
    }

    fn look_at(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let py = class.py();
        let (report, constants): (String, Bound<'_, PyDict>) = class.getattr("_report")?.extract()?;
        let Some(table) = REPORTS.iter().find(|table| table.name.to_bytes() == report.as_bytes()) else {
            return Err(PyTypeError::new_err(format!("there is no report {report}")));
        };
        let mut fields = Vec::new();
        for name in class.getattr("__dataclass_fields__")?.try_iter()? {
            let name = name?.cast_into::<PyString>()?;
            let Some(value) = table.fields.iter().position(|field| name == field.name) else {
                return Err(PyTypeError::new_err(format!("the report {report} has no field {name}")));
            };
            let constants = match constants.get_item(&name)? {
                Some(constants) => Some(Constants::look_at(&constants.cast_into()?)?),
                None => None,
            };
            fields.push(Field { name: name.unbind(), value, constants });
        }
        let (new, dict) = (class.getattr("__new__")?.unbind(), PyString::intern(py, "__dict__").unbind());
        Ok(Self { table, class: class.clone().unbind(), new, dict, fields })
    }

    /// Makes an instance of a single record, or a list of instances.
    pub(crate) fn convert<'py>(&self, py: Python<'py>, records: Rows) -> PyResult<Bound<'py, PyAny>> {
        if let (Shape::Single, [Some(record)]) = (self.table.shape, records.as_slice()) {
            return self.instance(py, &**record);
        }
        list(py, records, |record| self.instance(py, &*record))
    }

    fn instance<'py>(&self, py: Python<'py>, record: &dyn Row) -> PyResult<Bound<'py, PyAny>> {
        let instance = self.new.bind(py).call1((self.class.bind(py),))?;
        let dict = instance.getattr(self.dict.bind(py))?.cast_into::<PyDict>()?;
        let values = record.values();
        for field in &self.fields {
            dict.set_item(field.name.bind(py), field.convert(py, values[field.value])?)?;
        }
        Ok(instance)
    }
}

impl Field {
    fn convert<'py>(&self, py: Python<'py>, value: Value<'_>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match value {
            Value::Constant(number) if let Some(constants) = &self.constants => constants.member(py, number)?,
            Value::Flags(number) if let Some(constants) = &self.constants => constants.combine(py, number)?,
            value => plain(py, value)?,
        })
    }
}

/// Makes a list of records, with None for each missing one. Each record is dropped once it is converted: a list may be
/// long.
pub(crate) fn list<'py, R>(
    py: Python<'py>,
    records: Vec<Option<R>>,
    convert: impl Fn(R) -> PyResult<Bound<'py, PyAny>>,
) -> PyResult<Bound<'py, PyAny>> {
    let list = PyList::empty(py);
    for record in records {
        list.append(record.map(&convert).transpose()?)?;
    }
    Ok(list.into_any())
}

/// Converts a value into one of Python's built-in types.
pub(crate) fn plain<'py>(py: Python<'py>, value: Value<'_>) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        Value::Unsigned(number) | Value::Constant(number) | Value::Flags(number) => {
            number.into_pyobject(py)?.into_any()
        }
        Value::Signed(number) => number.into_pyobject(py)?.into_any(),
        Value::Float(number) => number.into_pyobject(py)?.into_any(),
        Value::Boolean(value) => value.into_pyobject(py)?.to_owned().into_any(),
        // The crate rejects times before the epoch.
        Value::Time(time) => {
            let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
            since.as_secs_f64().into_pyobject(py)?.into_any()
        }
        Value::Text(text) => text.unwrap_or_default().into_pyobject(py)?.into_any(),
        Value::Missing => py.None().into_bound(py),
        other => return Err(PyTypeError::new_err(format!("no Python value for {other:?}"))),
    })
}

impl Constants {
    fn look_at(class: &Bound<'_, PyType>) -> PyResult<Self> {
        let py = class.py();
        let members = class.getattr("_value2member_map_")?.cast_into::<PyDict>()?;
        let mut flags: Vec<(u64, String)> = Vec::new();
        for (name, member) in class.getattr("_member_map_")?.cast_into::<PyDict>()?.iter() {
            flags.push((member.extract()?, name.extract()?));
        }
        flags.retain(|(number, _)| number.is_power_of_two());
        flags.sort_unstable();
        let new = py.get_type::<PyInt>().getattr("__new__")?.unbind();
        Ok(Self { class: class.clone().unbind(), members: members.unbind(), flags, new })
    }

    /// Returns the member of an `IntEnum` with this number.
    fn member<'py>(&self, py: Python<'py>, number: u64) -> PyResult<Bound<'py, PyAny>> {
        let key = number.into_pyobject(py)?;
        match self.members.bind(py).get_item(&key)? {
            Some(member) => Ok(member),
            None => self.add(py, &key, Some(format!("UNKNOWN_{number}")), true),
        }
    }

    /// Returns the member of an `IntFlag` with these bits.
    fn combine<'py>(&self, py: Python<'py>, bits: u64) -> PyResult<Bound<'py, PyAny>> {
        let (members, key) = (self.members.bind(py), bits.into_pyobject(py)?);
        if let Some(member) = members.get_item(&key)? {
            return Ok(member);
        }
        let set: Vec<_> = self.flags.iter().filter(|(bit, _)| bits & bit != 0).collect();
        let unnamed = set.iter().fold(bits, |left, (bit, _)| left & !bit);
        let mut name = None;
        if py.version_info() < (3, 11) {
            // Combinations have no name, and single bits become members with them.
            for bit in (0..u64::BITS).map(|bit| 1 << bit).filter(|bit| unnamed & bit != 0 && *bit != bits) {
                self.combine(py, bit)?;
            }
        } else if !set.is_empty() {
            let names = set.iter().map(|(_, name)| name.clone());
            name = Some(names.chain((unnamed != 0).then(|| unnamed.to_string())).collect::<Vec<_>>().join("|"));
        }
        self.add(py, &key, name, unnamed == 0 || bits.is_power_of_two())
    }

    /// Makes a member, as `enum` would do it in Python code, which must not run here. chronyd's constants are bytes, but
    /// its flags may be different in each response, so not all of them are kept.
    fn add<'py>(
        &self,
        py: Python<'py>,
        number: &Bound<'py, PyInt>,
        name: Option<String>,
        is_kept: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        let member = self.new.bind(py).call1((self.class.bind(py), number))?;
        member.setattr(pyo3::intern!(py, "_value_"), number)?;
        member.setattr(pyo3::intern!(py, "_name_"), name)?;
        if !is_kept {
            return Ok(member);
        }
        // Another thread may have made it first.
        self.members.bind(py).call_method1(pyo3::intern!(py, "setdefault"), (number, member))
    }
}

/// Returns the name that a reference ID gives to a source without an address.
#[pyfunction]
pub(crate) fn reference_id_name(reference_id: u32) -> String {
    ReferenceId(reference_id).name()
}

/// Returns an address as text, and true if it is a command port.
pub(crate) fn answered_at(address: Option<Address>) -> (Option<OsString>, Option<bool>) {
    address.map_or((None, None), |address| {
        let text = address.path().map_or_else(|| address.to_string().into(), Into::into);
        (Some(text), Some(address.transport() == Transport::CommandPort))
    })
}
