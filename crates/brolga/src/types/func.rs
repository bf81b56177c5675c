//! The types of functions.

use core::fmt;
use std::sync::Arc;

use crate::{Engine, Result, ValType};

/// Whether a type can have subtypes.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Finality {
    /// It can't.
    Final,
    /// It can.
    NonFinal,
}

impl Finality {
    /// Whether this is [`Finality::Final`].
    pub fn is_final(&self) -> bool {
        *self == Finality::Final
    }

    /// Whether this is [`Finality::NonFinal`].
    pub fn is_non_final(&self) -> bool {
        *self == Finality::NonFinal
    }
}

/// The type of a function: what goes in and what comes out.
///
/// ```
/// use brolga::{Engine, FuncType, ValType};
///
/// let engine = Engine::default();
/// let ty = FuncType::new(&engine, [ValType::I32, ValType::I64], [ValType::F64]);
/// assert_eq!(ty.params().len(), 2);
/// assert_eq!(ty.to_string(), "(func (param i32 i64) (result f64))");
/// ```
#[derive(Clone)]
pub struct FuncType {
    engine: Engine,
    types: Arc<[ValType]>,
    params: usize,
}

impl FuncType {
    /// The type of functions that take `params` and return `results`.
    pub fn new(
        engine: &Engine,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> FuncType {
        let mut types: Vec<ValType> = params.into_iter().collect();
        let params = types.len();
        types.extend(results);
        FuncType { engine: engine.clone(), types: types.into(), params }
    }

    /// [`FuncType::new`]: for programs written against an engine where it can fail.
    ///
    /// # Errors
    /// None.
    pub fn try_new(
        engine: &Engine,
        params: impl IntoIterator<Item = ValType>,
        results: impl IntoIterator<Item = ValType>,
    ) -> Result<FuncType> {
        Ok(FuncType::new(engine, params, results))
    }

    /// The type that it was declared a subtype of: none, as long as such types are not supported.
    pub fn supertype(&self) -> Option<FuncType> {
        None
    }

    /// The engine it was made for.
    pub fn engine(&self) -> &Engine {
        &self.engine
    }

    /// Whether it can have subtypes: function types declared without saying so can't.
    pub fn finality(&self) -> Finality {
        Finality::Final
    }

    /// The type of parameter `i`.
    pub fn param(&self, i: usize) -> Option<ValType> {
        self.param_types().get(i).cloned()
    }

    /// The parameters' types, first to last.
    pub fn params(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        self.param_types().iter().cloned()
    }

    /// The type of result `i`.
    pub fn result(&self, i: usize) -> Option<ValType> {
        self.result_types().get(i).cloned()
    }

    /// The results' types, first to last.
    pub fn results(&self) -> impl ExactSizeIterator<Item = ValType> + '_ {
        self.result_types().iter().cloned()
    }

    /// Whether a function of this type can stand where one of type `other` is wanted.
    pub fn matches(&self, other: &FuncType) -> bool {
        self == other
    }

    pub(crate) fn param_types(&self) -> &[ValType] {
        &self.types[..self.params]
    }

    pub(crate) fn result_types(&self) -> &[ValType] {
        &self.types[self.params..]
    }
}

impl PartialEq for FuncType {
    fn eq(&self, other: &FuncType) -> bool {
        self.params == other.params && self.types == other.types
    }
}

impl Eq for FuncType {}

impl core::hash::Hash for FuncType {
    fn hash<H: core::hash::Hasher>(&self, state: &mut H) {
        self.params.hash(state);
        self.types.hash(state);
    }
}

impl fmt::Display for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(func")?;
        for (keyword, types) in [("param", self.param_types()), ("result", self.result_types())] {
            if !types.is_empty() {
                write!(f, " ({keyword}")?;
                for ty in types {
                    write!(f, " {ty}")?;
                }
                f.write_str(")")?;
            }
        }
        f.write_str(")")
    }
}

impl fmt::Debug for FuncType {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
