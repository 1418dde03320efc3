//! Records of the crate `libchrony` as instances of the dataclasses in `pychrony.models`.
//!
//! The fields of both have the same names, so one conversion serves all reports. It fills the instance's `__dict__`
//! rather than calling the frozen dataclass's `__init__`, which sets the fields one by one through a guarded path and
//! takes several times as long. No Python code runs here: daemon threads that are in the middle of some, called from
//! here, when the interpreter ends, would crash it (before Python 3.14).

use crate::imported;
use libchrony::{Report, RtcData, Source, SourceStats, Tracking, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList, PyString, PyType};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// A record that has a dataclass.
pub(crate) trait ToRecord: Report {
    /// The dataclass's name in `pychrony.models`.
    const CLASS: &'static str;

    /// The enum of a field's constants in `pychrony.models`.
    fn constants(field: &str) -> Option<&'static str>;

    /// The dataclass as it was last used. The lock is not held while Python code may run.
    fn last_class() -> &'static Mutex<Option<Arc<Dataclass>>>;

    /// The text of the one field that the dataclass has and the report has not.
    fn derived(&self) -> Option<String> {
        None
    }
}

/// A record as an instance of its dataclass.
pub(crate) fn record<'py, R: ToRecord>(py: Python<'py>, record: &R) -> PyResult<Bound<'py, PyAny>> {
    Dataclass::of::<R>(py)?.instance(py, record)
}

/// Records as a list of instances of their dataclass.
pub(crate) fn records<'py, R: ToRecord>(py: Python<'py>, records: &[R]) -> PyResult<Bound<'py, PyList>> {
    let class = Dataclass::of::<R>(py)?;
    let list = PyList::empty(py);
    for record in records {
        list.append(class.instance(py, record)?)?;
    }
    Ok(list)
}

/// A dataclass and what is needed to fill it.
pub(crate) struct Dataclass {
    class: Py<PyType>,
    new: Py<PyAny>,
    /// The name of an instance's own dictionary.
    dict: Py<PyString>,
    /// The fields, in the dataclass's order.
    fields: Vec<Field>,
}

struct Field {
    name: Py<PyString>,
    /// Which of the report's values it has; none is the derived one.
    value: Option<usize>,
    /// The members of the field's enum by their numbers.
    constants: Option<Py<PyDict>>,
}

impl Dataclass {
    /// The dataclass that `pychrony.models` has now: after a reload, a new one.
    fn of<R: ToRecord>(py: Python<'_>) -> PyResult<Arc<Self>> {
        let last = R::last_class().lock().unwrap_or_else(PoisonError::into_inner).clone();
        let models = imported::module(py, pyo3::intern!(py, "pychrony.models"));
        let current = models.and_then(|models| models.getattr(R::CLASS).ok()?.cast_into::<PyType>().ok());
        match (last, current) {
            // Python may have cleared its modules by now.
            (Some(last), None) => Ok(last),
            (Some(last), Some(current)) if last.class.is(&current) => Ok(last),
            _ => {
                let class = Arc::new(Self::look_up::<R>(py)?);
                let last = R::last_class().lock().unwrap_or_else(PoisonError::into_inner).replace(Arc::clone(&class));
                drop(last);
                Ok(class)
            }
        }
    }

    fn look_up<R: ToRecord>(py: Python<'_>) -> PyResult<Self> {
        let models = py.import("pychrony.models")?;
        let class = models.getattr(R::CLASS)?.cast_into::<PyType>()?;
        let new = class.getattr("__new__")?.unbind();
        let mut fields = Vec::new();
        for name in class.getattr("__match_args__")?.try_iter()? {
            let name = name?.cast_into::<PyString>()?;
            let constants = match R::constants(name.to_str()?) {
                Some(constants) => {
                    Some(models.getattr(constants)?.getattr("_value2member_map_")?.cast_into()?.unbind())
                }
                None => None,
            };
            let value = R::FIELDS.iter().position(|field| name == field.name);
            fields.push(Field { name: name.unbind(), value, constants });
        }
        let dict = PyString::intern(py, "__dict__").unbind();
        Ok(Self { class: class.unbind(), new, dict, fields })
    }

    fn instance<'py>(&self, py: Python<'py>, record: &impl ToRecord) -> PyResult<Bound<'py, PyAny>> {
        let instance = self.new.bind(py).call1((self.class.bind(py),))?;
        let dict = instance.getattr(self.dict.bind(py))?.cast_into::<PyDict>()?;
        let (values, derived): (Vec<_>, _) = (record.values().collect(), record.derived());
        for field in &self.fields {
            let value = field.value.map_or(Value::Text(derived.as_deref()), |index| values[index]);
            dict.set_item(field.name.bind(py), field.convert(py, value)?)?;
        }
        Ok(instance)
    }
}

impl Field {
    fn convert<'py>(&self, py: Python<'py>, value: Value<'_>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match value {
            Value::Constant(number) => {
                let number = number.into_pyobject(py)?.into_any();
                let member = match &self.constants {
                    Some(constants) => constants.bind(py).get_item(&number)?,
                    None => None,
                };
                member.unwrap_or(number)
            }
            Value::Unsigned(number) => number.into_pyobject(py)?.into_any(),
            Value::Signed(number) => number.into_pyobject(py)?.into_any(),
            Value::Float(number) => number.into_pyobject(py)?.into_any(),
            Value::Time(time) => seconds_since_epoch(time).into_pyobject(py)?.into_any(),
            Value::Text(text) => text.unwrap_or_default().into_pyobject(py)?.into_any(),
            other => unreachable!("a value of a new kind: {other:?}"),
        })
    }
}

/// No time before the epoch passes libchrony's checks.
fn seconds_since_epoch(time: SystemTime) -> f64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs_f64()
}

macro_rules! to_record {
    ($report:ty => $class:literal $(, $field:literal => $constants:literal)* $(; $derived:item)?) => {
        impl ToRecord for $report {
            const CLASS: &'static str = $class;

            fn constants(field: &str) -> Option<&'static str> {
                match field {
                    $($field => Some($constants),)*
                    _ => None,
                }
            }

            fn last_class() -> &'static Mutex<Option<Arc<Dataclass>>> {
                static CLASS: Mutex<Option<Arc<Dataclass>>> = Mutex::new(None);
                &CLASS
            }

            $($derived)?
        }
    };
}

to_record!(Tracking => "TrackingStatus", "leap_status" => "LeapStatus";
    fn derived(&self) -> Option<String> {
        Some(self.reference_id_name())
    }
);
to_record!(Source => "Source", "state" => "SourceState", "mode" => "SourceMode");
to_record!(SourceStats => "SourceStats");
to_record!(RtcData => "RTCData");
