//! What a figure should be, and whether it is.

use std::fmt::{self, Display, Formatter};

use serde::Serialize;

use crate::figures::decimal;

/// A figure beside what it should at most be.
#[derive(Clone, Serialize)]
pub(crate) struct Aim {
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) measured: Option<f64>,
    pub(crate) at_most: f64,
    /// `None` when it could not be measured.
    pub(crate) met: Option<bool>,
}

impl Aim {
    pub(crate) fn new(what: &'static str, unit: &'static str, measured: Option<f64>, at_most: f64) -> Self {
        Self { what, unit, measured, at_most, met: measured.map(|measured| measured <= at_most) }
    }
}

impl Display for Aim {
    fn fmt(&self, formatter: &mut Formatter<'_>) -> fmt::Result {
        let verdict = match self.met {
            Some(true) => "met",
            Some(false) => "MISSED",
            None => "not measured",
        };
        let (what, unit, measured) = (self.what, self.unit, decimal(self.measured, 2));
        write!(formatter, "{what:<58}{measured:>9} {unit:<5} aim {:>7.2}  {verdict}", self.at_most)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_aim_is_met_up_to_and_with_its_limit() {
        for (measured, met) in [(Some(3.0), Some(true)), (Some(3.1), Some(false)), (None, None)] {
            assert_eq!(Aim::new("cost", "x", measured, 3.0).met, met);
        }
    }
}
