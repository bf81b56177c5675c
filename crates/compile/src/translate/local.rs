//! Locals: `local.get`, `local.set`, `local.tee`.
//!
//! A local is a variable of cranelift-frontend, which finds out where values meet. It is declared
//! when an operator first names it: a function may declare fifty thousand and use three.
//!
//! **Invariants**
//! - A local that is read before it is written reads as zero: the frontend gives a variable without
//!   definition that value, which is wasm's rule for locals. Parameters are defined at once.
//! - [`Locals::used`] counts declared variables, for the budget that bounds the frontend's tables.

use std::collections::HashMap;

use cranelift_codegen::ir::{Type, Value};
use cranelift_frontend::Variable;

use super::FuncTranslator;

/// How many locals have an entry in a plain vector; the rest are looked up in a map, so that a
/// function costs what it uses, not what it declares.
const DENSE: usize = 1024;

/// Which variable each local is, as far as it has been named.
#[derive(Debug, Default)]
pub(super) struct Locals {
    /// The types of the locals that are no parameters, in runs: (first index behind it, type).
    declared: Vec<(u32, Type)>,
    dense: Vec<Option<Variable>>,
    sparse: HashMap<u32, Variable>,
    used: usize,
}

impl Locals {
    /// Forgets the locals of another function.
    pub(super) fn clear(&mut self) {
        self.declared.clear();
        self.dense.clear();
        self.sparse.clear();
        self.used = 0;
    }

    /// Takes note that the locals up to `end`, but for those declared before, have type `ty`.
    pub(super) fn declare(&mut self, end: u32, ty: Type) {
        self.declared.push((end, ty));
    }

    /// The type of a local that is no parameter.
    fn type_of(&self, local: u32) -> Type {
        let run = self.declared.partition_point(|&(end, _)| end <= local);
        self.declared[run].1
    }

    /// How many locals have been named.
    pub(super) fn used(&self) -> usize {
        self.used
    }

    fn get(&self, local: u32) -> Option<Variable> {
        match self.dense.get(local as usize) {
            Some(&variable) => variable,
            None => self.sparse.get(&local).copied(),
        }
    }

    fn insert(&mut self, local: u32, variable: Variable) {
        self.used += 1;
        let position = local as usize;
        if position >= DENSE {
            self.sparse.insert(local, variable);
            return;
        }
        if position >= self.dense.len() {
            self.dense.resize(position + 1, None);
        }
        self.dense[position] = Some(variable);
    }
}

impl FuncTranslator<'_, '_> {
    /// Defines local `local` as the parameter `value`.
    pub(super) fn define_parameter(&mut self, local: u32, value: Value) {
        let ty = self.value_type(value);
        let variable = self.builder.declare_var(ty);
        self.locals.insert(local, variable);
        self.builder.def_var(variable, value);
    }

    pub(super) fn translate_local_get(&mut self, local: u32) {
        let variable = self.variable(local);
        let value = self.builder.use_var(variable);
        self.push(value);
    }

    pub(super) fn translate_local_set(&mut self, local: u32) {
        let value = self.pop_condition();
        self.define_local(local, value);
    }

    pub(super) fn translate_local_tee(&mut self, local: u32) {
        let value = self.pop_condition();
        let value = self.define_local(local, value);
        self.push(value);
    }

    fn define_local(&mut self, local: u32, value: Value) -> Value {
        let value = self.canonical(value);
        let variable = self.variable(local);
        self.builder.def_var(variable, value);
        value
    }

    /// The variable that is `local`.
    fn variable(&mut self, local: u32) -> Variable {
        if let Some(variable) = self.locals.get(local) {
            return variable;
        }
        let variable = self.builder.declare_var(self.locals.type_of(local));
        self.locals.insert(local, variable);
        variable
    }
}
