//! One step over a text.

use super::context::Context;
use crate::error::Problem;

/// The context behind some bytes, and how many they are.
pub(super) type Step = Result<(Context, usize), Problem>;
