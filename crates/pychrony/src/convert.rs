//! Records of the crate `libchrony` as instances of the dataclasses in `pychrony.models`.
//!
//! The fields of both have the same names, so one conversion serves all reports. It fills the instance's `__dict__`
//! rather than calling the frozen dataclass's `__init__`, which sets the fields one by one through a guarded path and
//! takes several times as long.

use crate::read::get_or_make;
use libchrony::{Report, RtcData, Source, SourceStats, Tracking, Value};
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString, PyType};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// A record that has a dataclass.
pub(crate) trait ToRecord: Report {
    /// The dataclass's name in `pychrony.models`.
    const CLASS: &'static str;

    /// The enum of a field's constants in `pychrony.models`.
    fn constants(field: &str) -> Option<&'static str>;

    /// The dataclass, looked up once.
    fn class() -> &'static OnceLock<Dataclass>;

    /// The fields that the dataclass has and the report has not.
    fn add_derived(&self, _fields: &Bound<'_, PyDict>) -> PyResult<()> {
        Ok(())
    }

    /// The record as an instance of its dataclass.
    fn to_record<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyAny>> {
        let class = get_or_make(Self::class(), || Dataclass::of::<Self>(py))?;
        let instance = class.new.bind(py).call1((class.class.bind(py),))?;
        let fields = instance.getattr(class.dict.bind(py))?.cast_into::<PyDict>()?;
        for (field, value) in class.fields.iter().zip(self.values()) {
            fields.set_item(field.name.bind(py), field.convert(py, value)?)?;
        }
        self.add_derived(&fields)?;
        Ok(instance)
    }
}

/// A dataclass and what is needed to fill it.
pub(crate) struct Dataclass {
    class: Py<PyType>,
    new: Py<PyAny>,
    /// The name of an instance's own dictionary.
    dict: Py<PyString>,
    fields: Vec<Field>,
}

struct Field {
    name: Py<PyString>,
    /// The members of the field's enum, in the order of their numbers.
    constants: Vec<Py<PyAny>>,
}

impl Dataclass {
    fn of<R: ToRecord>(py: Python<'_>) -> PyResult<Self> {
        let models = py.import("pychrony.models")?;
        let class = models.getattr(R::CLASS)?.cast_into::<PyType>()?;
        let new = class.getattr("__new__")?.unbind();
        let fields = R::FIELDS.iter().map(|field| {
            let mut constants = Vec::new();
            if let Some(name) = R::constants(field.name) {
                for member in models.getattr(name)?.try_iter()? {
                    constants.push(member?.unbind());
                }
            }
            Ok(Field { name: PyString::intern(py, field.name).unbind(), constants })
        });
        let dict = PyString::intern(py, "__dict__").unbind();
        Ok(Self { class: class.unbind(), new, dict, fields: fields.collect::<PyResult<_>>()? })
    }
}

impl Field {
    fn convert<'py>(&self, py: Python<'py>, value: Value<'_>) -> PyResult<Bound<'py, PyAny>> {
        Ok(match value {
            Value::Constant(number) => match self.constants.get(usize::from(number)) {
                Some(member) => member.bind(py).clone(),
                None => number.into_pyobject(py)?.into_any(),
            },
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

            fn class() -> &'static OnceLock<Dataclass> {
                static CLASS: OnceLock<Dataclass> = OnceLock::new();
                &CLASS
            }

            $($derived)?
        }
    };
}

to_record!(Tracking => "TrackingStatus", "leap_status" => "LeapStatus";
    fn add_derived(&self, fields: &Bound<'_, PyDict>) -> PyResult<()> {
        fields.set_item("reference_id_name", self.reference_id_name())
    }
);
to_record!(Source => "Source", "state" => "SourceState", "mode" => "SourceMode");
to_record!(SourceStats => "SourceStats");
to_record!(RtcData => "RTCData");
