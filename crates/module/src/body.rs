//! Reading and validating function bodies, one at a time.
//!
//! **Invariants**
//! - A body is read with the features that its module was decoded with: some bytes mean
//!   different things with other features.
//! - Nesting costs memory, not native stack.

use wasmparser::{
    BinaryReader, Error, FuncToValidate, FuncValidator, FuncValidatorAllocations, OperatorsReader,
    ValidatorResources, WasmModuleResources,
};

use crate::{DefinedFuncIndex, ModuleError, ParsedModule, Place, limits};

impl ParsedModule {
    /// The bytes of a defined function's body: its locals and its code.
    pub fn body(&self, func: DefinedFuncIndex) -> &[u8] {
        &self.bytes[self.bodies[func.as_usize()].clone()]
    }

    /// A reader of a defined function's body, at the declaration of its locals.
    ///
    /// Its positions are offsets in the module, and it reads with the module's features.
    pub fn body_reader(&self, func: DefinedFuncIndex) -> BinaryReader<'_> {
        let range = self.bodies[func.as_usize()].clone();
        BinaryReader::new_features(
            &self.bytes[range.clone()],
            range.start as u64,
            self.features.to_wasmparser(),
        )
    }

    /// What validates a defined function's body, operator by operator.
    ///
    /// Errors of it and of [`body_reader`](Self::body_reader) are made readable by
    /// [`body_error`](Self::body_error).
    pub fn body_validator(&self, func: DefinedFuncIndex) -> FuncToValidate<ValidatorResources> {
        let index = self.func_index(func);
        let resources = self.validator.as_ref().expect("a module with bodies has a code section");
        FuncToValidate {
            resources: resources.clone(),
            index: index.0,
            ty: self.functions[index.as_usize()].0,
            features: self.features.to_wasmparser(),
        }
    }

    /// Validates every body without translating it.
    ///
    /// Translation validates as it goes along, so this is for whoever wants a verdict only.
    pub fn validate_bodies(&self) -> Result<(), ModuleError> {
        let mut allocations = FuncValidatorAllocations::default();
        for position in 0..self.bodies.len() {
            let func = DefinedFuncIndex::from_usize(position);
            let mut validator = self.body_validator(func).into_validator(allocations);
            validate_body(&mut validator, self.body_reader(func))
                .map_err(|error| self.body_error(func, &error))?;
            allocations = validator.into_allocations();
        }
        Ok(())
    }

    /// The error for what wasmparser refused about a defined function's body.
    ///
    /// wasmparser does not say whether it could not read or did not agree; this reads the body
    /// once more to find out.
    #[cold]
    pub fn body_error(&self, func: DefinedFuncIndex, error: &Error) -> ModuleError {
        let place = Place::Function(self.func_index(func));
        let found = self.body_found(func, error);
        let unreadable = read_body(self.body_reader(func)).is_err_and(|other| {
            other.offset() == error.offset() && other.message() == error.message()
        });
        if unreadable {
            ModuleError::malformed(place, error, found)
        } else {
            ModuleError::invalid(place, error, found)
        }
    }

    /// The number that is over the limit of which `error` speaks.
    fn body_found(&self, func: DefinedFuncIndex, error: &Error) -> Option<u64> {
        if error.message() == limits::LOCALS.text {
            let params = self.func_type(self.func_index(func)).params().len();
            return Some(params as u64 + count_locals(self.body_reader(func)));
        }
        if error.message() == limits::BR_TABLE_TARGETS.text {
            let start = usize::try_from(error.offset()).ok()?;
            let rest = BinaryReader::new(self.bytes.get(start..)?, error.offset()).read_var_u32();
            return rest.ok().map(u64::from);
        }
        None
    }
}

/// Validates the body that `reader` stands at the start of.
//
// wasmparser's own `FuncValidator::validate` does the same, but in builds with debug assertions
// it also works out the arity of each operator and words some errors differently for it.
fn validate_body<T: WasmModuleResources>(
    validator: &mut FuncValidator<T>,
    mut reader: BinaryReader<'_>,
) -> Result<(), Error> {
    validator.read_locals(&mut reader)?;
    while !reader.eof() {
        let position = reader.original_position();
        reader.visit_operator(&mut validator.visitor(position))??;
    }
    reader.finish_expression(&validator.visitor(reader.original_position()))
}

/// Reads a body and agrees with all that can be read.
fn read_body(mut reader: BinaryReader<'_>) -> Result<(), Error> {
    for _ in 0..reader.read_var_u32()? {
        reader.read::<u32>()?;
        reader.read::<wasmparser::ValType>()?;
    }
    let mut operators = OperatorsReader::new(reader);
    while !operators.eof() {
        operators.read()?;
    }
    operators.finish()
}

/// How many locals a body declares, as far as the declarations can be read.
fn count_locals(mut reader: BinaryReader<'_>) -> u64 {
    let mut total = 0;
    for _ in 0..reader.read_var_u32().unwrap_or(0) {
        let Ok(count) = reader.read::<u32>() else { break };
        total += u64::from(count);
        if reader.read::<wasmparser::ValType>().is_err() {
            break;
        }
    }
    total
}
