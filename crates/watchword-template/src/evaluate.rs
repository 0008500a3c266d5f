//! Carrying a template out: [`item`] is what values are meanwhile, [`run`] walks the tree, [`field`] knows fields and methods.

pub(crate) mod field;
pub(crate) mod item;
pub(crate) mod run;
