//! Compiled functions to one image. The one file of this crate where `unsafe` may stand.
//!
//! ```text
//!  plan:  where everything will be        arena:  │ functions │ pad │ static tables │ slack │
//!  fill:  the tables' contents                    0     text_bytes              len
//!  link:  JITModule patches the references
//! ```
//! cranelift-jit's `JITModule` does the patching, for every target. It gets its memory from
//! [`PlannedPlaces`], which hands out the places of the plan in order.
//!
//! **Trusts** that `JITModule` writes only into what it was given.
//!
//! **Promises**
//! - Nothing is made executable: the arena is a `Vec`, and the image is copied out of it.
//! - Position independent: every reference is relative to the place that makes it, which is checked
//!   kind by kind, and every place is within its reach, which is checked once for the image.
//!
//! **Tested by** `an_image_is_the_same_wherever_it_is_linked` and its neighbours below.
#![allow(unsafe_code, reason = "a memory provider has an unsafe function, which is empty here")]

use std::collections::HashMap;
use std::io;
use std::sync::atomic::{AtomicPtr, Ordering};

use brolga_abi::{CodeImage, CodeRange, StaticTableEntry};
use brolga_module::{DefinedFuncIndex, TableIndex, TypeIndex};
use cranelift_codegen::binemit::Reloc;
use cranelift_codegen::ir::{Endianness, Signature};
use cranelift_codegen::isa::{CallConv, OwnedTargetIsa};
use cranelift_jit::{BranchProtection, JITBuilder, JITMemoryKind, JITMemoryProvider, JITModule};
use cranelift_module::{
    DataDescription, FuncOrDataId, Module, ModuleReloc, ModuleRelocTarget, ModuleResult,
    default_libcall_names,
};

use crate::CompileError;
use crate::emit::{CompiledFunction, Relocation, RelocationTarget};
use crate::func_env::Symbol;

/// A static table to be made part of the image.
pub(crate) struct TableContents {
    /// Which one.
    pub(crate) table: TableIndex,
    /// Its elements: a function and the canonical type of it.
    pub(crate) elements: Vec<Option<(DefinedFuncIndex, TypeIndex)>>,
}

/// Functions and tables, put together.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Linked {
    /// Code, then tables.
    pub(crate) code: Vec<u8>,
    /// How much of it is code; a multiple of [`CodeImage::PAGE`].
    pub(crate) text_bytes: u32,
    /// Where each function is, in the order they were given.
    pub(crate) functions: Vec<CodeRange>,
    /// Where each table begins, in the order they were given.
    pub(crate) tables: Vec<u32>,
}

/// Puts `functions` and `tables` together for `isa`, whose calls reach `text_bytes_max`.
pub(crate) fn link(
    isa: OwnedTargetIsa,
    text_bytes_max: u64,
    functions: Vec<(Symbol, CompiledFunction)>,
    tables: &[TableContents],
) -> Result<Linked, CompileError> {
    link_at(0, isa, text_bytes_max, functions, tables)
}

/// Links in an arena that begins `skew_pages` pages later than it would have to.
fn link_at(
    skew_pages: usize,
    isa: OwnedTargetIsa,
    text_bytes_max: u64,
    mut functions: Vec<(Symbol, CompiledFunction)>,
    tables: &[TableContents],
) -> Result<Linked, CompileError> {
    let plan = Plan::new(&functions, tables, text_bytes_max)?;
    let mut arena = Arena::new(&plan, skew_pages)?;
    let order = WordOrder::of(isa.endianness());
    for (_, function) in &mut functions {
        order.prepare(&mut function.bytes, &function.relocations)?;
    }
    let mut linker = Linker::new(isa, &plan, &mut arena);
    linker.declare(&functions, tables)?;
    linker.define_functions(&functions)?;
    linker.define_tables(&functions, tables, &plan)?;
    linker.finish()?;
    let mut code = arena.into_image(&plan);
    for ((_, function), range) in functions.iter().zip(&plan.functions) {
        let bytes = &mut code[range.start as usize..][..range.len as usize];
        order.restore(bytes, &function.relocations);
    }
    let Plan { text_bytes, functions, tables, .. } = plan;
    Ok(Linked { code, text_bytes, functions, tables })
}

/// Where everything will be, in bytes from the image's start.
struct Plan {
    functions: Vec<CodeRange>,
    tables: Vec<u32>,
    text_bytes: u32,
    image_bytes: usize,
    /// What `JITModule` may ask for beyond the last place.
    slack_bytes: usize,
}

/// What `JITModule` reserves for each call on aarch64 to go round a corner, which the limit on an
/// image's code makes needless.
const VENEER_BYTES: usize = 24;

/// Tables begin on a multiple of this.
const TABLE_ALIGNMENT: u64 = 16;

/// The bytes of an entry of a static table.
const ENTRY_BYTES: usize = size_of::<StaticTableEntry>();

/// Distances in an image are signed 32-bit numbers to code; some targets round them up by a little.
const IMAGE_BYTES_MAX: u64 = i32::MAX as u64 - CodeImage::PAGE as u64;

impl Plan {
    fn new(
        functions: &[(Symbol, CompiledFunction)],
        tables: &[TableContents],
        text_bytes_max: u64,
    ) -> Result<Self, CompileError> {
        let limit = text_bytes_max.min(IMAGE_BYTES_MAX);
        let mut end = 0;
        let mut starts = Vec::with_capacity(functions.len());
        for (_, function) in functions {
            let start = end_of(&mut end, u64::from(function.alignment), function.bytes.len());
            starts.push(start);
        }
        let text_bytes = end.next_multiple_of(CodeImage::PAGE as u64);
        check_size("code", text_bytes, limit)?;
        end = text_bytes;
        let mut table_starts = Vec::with_capacity(tables.len());
        for table in tables {
            // An empty table has a place too: code may name it.
            let bytes = table.elements.len().max(1) * ENTRY_BYTES;
            table_starts.push(end_of(&mut end, TABLE_ALIGNMENT, bytes));
        }
        check_size("code and static tables", end, IMAGE_BYTES_MAX)?;
        let ranges = functions.iter().zip(&starts).map(|((_, function), &start)| CodeRange {
            start: start as u32,
            len: function.bytes.len() as u32,
        });
        let calls = functions.iter().map(|(_, function)| function.relocations.len());
        Ok(Self {
            functions: ranges.collect(),
            tables: table_starts.iter().map(|&start| start as u32).collect(),
            text_bytes: text_bytes as u32,
            image_bytes: end as usize,
            slack_bytes: calls.max().unwrap_or(0) * VENEER_BYTES,
        })
    }
}

/// The start of a piece of `bytes` bytes; moves `end` behind it. No overflow: pieces are in memory.
fn end_of(end: &mut u64, alignment: u64, bytes: usize) -> u64 {
    let start = end.next_multiple_of(alignment.max(1));
    *end = start + bytes as u64;
    start
}

fn check_size(what: &'static str, bytes: u64, limit_bytes: u64) -> Result<(), CompileError> {
    if bytes > limit_bytes {
        return Err(CompileError::ImageTooLarge { what, bytes, limit_bytes });
    }
    Ok(())
}

/// The memory that is linked in.
struct Arena {
    bytes: Vec<u8>,
    start: usize,
}

impl Arena {
    /// Zeroed room for an image, from a multiple of the page size on: references to a page and
    /// a place on it are then the same as in any mapping.
    fn new(plan: &Plan, skew_pages: usize) -> Result<Self, CompileError> {
        let skew = skew_pages * CodeImage::PAGE;
        let len = plan.image_bytes + plan.slack_bytes + CodeImage::PAGE + skew;
        let mut bytes = Vec::new();
        bytes.try_reserve_exact(len).map_err(|error| internal(&error))?;
        bytes.resize(len, 0);
        let start = bytes.as_ptr().addr().next_multiple_of(CodeImage::PAGE) - bytes.as_ptr().addr();
        Ok(Self { bytes, start: start + skew })
    }

    fn into_image(mut self, plan: &Plan) -> Vec<u8> {
        self.bytes.truncate(self.start + plan.image_bytes);
        self.bytes.drain(..self.start);
        self.bytes
    }
}

/// Hands out the places of a plan, in order.
struct PlannedPlaces {
    /// Where the image begins in an arena that outlives this.
    base: AtomicPtr<u8>,
    /// The places still to be handed out, in bytes from `base`.
    places: std::vec::IntoIter<u32>,
    /// How much lies behind `base`.
    room_bytes: usize,
}

impl JITMemoryProvider for PlannedPlaces {
    fn allocate(
        &mut self,
        bytes: usize,
        alignment: u64,
        _kind: JITMemoryKind,
    ) -> io::Result<*mut u8> {
        let place = self.places.next().ok_or(io::ErrorKind::OutOfMemory)?;
        let fits = (place as usize).checked_add(bytes).is_some_and(|end| end <= self.room_bytes);
        if !fits || !u64::from(place).is_multiple_of(alignment) {
            return Err(io::Error::other("a piece of code is not as planned"));
        }
        Ok(self.base.load(Ordering::Relaxed).wrapping_add(place as usize))
    }

    unsafe fn free_memory(&mut self) {}

    fn finalize(&mut self, _branch_protection: BranchProtection) -> ModuleResult<()> {
        Ok(())
    }
}

/// A `JITModule`, and what it calls our functions and tables.
struct Linker<'a> {
    module: JITModule,
    names: HashMap<Symbol, FuncOrDataId>,
    /// The module's memory is in here.
    _arena: &'a mut Arena,
}

impl<'a> Linker<'a> {
    fn new(isa: OwnedTargetIsa, plan: &Plan, arena: &'a mut Arena) -> Self {
        let places: Vec<u32> = plan
            .functions
            .iter()
            .map(|range| range.start)
            .chain(plan.tables.iter().copied())
            .collect();
        let image = &mut arena.bytes[arena.start..];
        let provider = PlannedPlaces {
            room_bytes: image.len(),
            base: AtomicPtr::new(image.as_mut_ptr()),
            places: places.into_iter(),
        };
        let mut builder = JITBuilder::with_isa(isa, default_libcall_names());
        builder.memory_provider(Box::new(provider));
        Self { module: JITModule::new(builder), names: HashMap::new(), _arena: arena }
    }

    fn declare(
        &mut self,
        functions: &[(Symbol, CompiledFunction)],
        tables: &[TableContents],
    ) -> Result<(), CompileError> {
        // The linker never looks at signatures.
        let signature = Signature::new(CallConv::Tail);
        for (symbol, _) in functions {
            let id = self.module.declare_anonymous_function(&signature);
            self.names.insert(*symbol, FuncOrDataId::Func(id.map_err(|it| internal(&it))?));
        }
        for table in tables {
            let id = self.module.declare_anonymous_data(false, false);
            let id = FuncOrDataId::Data(id.map_err(|it| internal(&it))?);
            self.names.insert(Symbol::StaticTable(table.table), id);
        }
        Ok(())
    }

    fn define_functions(
        &mut self,
        functions: &[(Symbol, CompiledFunction)],
    ) -> Result<(), CompileError> {
        for (symbol, function) in functions {
            let FuncOrDataId::Func(id) = self.names[symbol] else {
                unreachable!("functions are declared as functions");
            };
            let relocation = |found: &Relocation| {
                let name = match found.target {
                    RelocationTarget::Symbol(symbol) => {
                        let name = self.names.get(&symbol);
                        let name =
                            name.ok_or_else(|| internal(&format!("{symbol:?} is missing")))?;
                        ModuleRelocTarget::from(*name)
                    }
                    RelocationTarget::Own(offset) => ModuleRelocTarget::FunctionOffset(id, offset),
                };
                let Relocation { offset, kind, addend, .. } = *found;
                Ok(ModuleReloc { offset, kind, name, addend })
            };
            let relocations = function.relocations.iter().map(relocation);
            let relocations = relocations.collect::<Result<Vec<_>, CompileError>>()?;
            let alignment = u64::from(function.alignment);
            self.module
                .define_function_bytes(id, alignment, &function.bytes, &relocations)
                .map_err(|error| internal(&error))?;
        }
        Ok(())
    }

    fn define_tables(
        &mut self,
        functions: &[(Symbol, CompiledFunction)],
        tables: &[TableContents],
        plan: &Plan,
    ) -> Result<(), CompileError> {
        let starts: HashMap<Symbol, u32> = functions
            .iter()
            .zip(&plan.functions)
            .map(|((symbol, _), range)| (*symbol, range.start))
            .collect();
        for (table, &start) in tables.iter().zip(&plan.tables) {
            let FuncOrDataId::Data(id) = self.names[&Symbol::StaticTable(table.table)] else {
                unreachable!("tables are declared as data");
            };
            let code_start = |func| starts.get(&Symbol::Function(func)).copied();
            let contents = table_bytes(table, start, code_start, self.module.isa().endianness())?;
            let mut data = DataDescription::new();
            data.define(contents.into());
            data.align = Some(TABLE_ALIGNMENT);
            self.module.define_data(id, &data).map_err(|error| internal(&error))?;
        }
        Ok(())
    }

    fn finish(mut self) -> Result<(), CompileError> {
        self.module.finalize_definitions().map_err(|error| internal(&error))
    }
}

/// The [`StaticTableEntry`]s of a table that begins at `start`, in the target's byte order.
fn table_bytes(
    table: &TableContents,
    start: u32,
    code_start: impl Fn(DefinedFuncIndex) -> Option<u32>,
    endianness: Endianness,
) -> Result<Vec<u8>, CompileError> {
    let mut bytes = Vec::with_capacity(table.elements.len() * ENTRY_BYTES);
    for element in &table.elements {
        let entry = match *element {
            None => StaticTableEntry { code_offset: 0, type_index: u32::MAX },
            Some((func, ty)) => {
                let code = code_start(func)
                    .ok_or_else(|| internal(&format!("function {func} of a table is missing")))?;
                // Both are below 2³¹, as the plan has checked.
                let code_offset = code as i32 - start as i32;
                StaticTableEntry { code_offset, type_index: ty.0 }
            }
        };
        for field in [entry.code_offset as u32, entry.type_index] {
            bytes.extend(match endianness {
                Endianness::Little => field.to_le_bytes(),
                Endianness::Big => field.to_be_bytes(),
            });
        }
    }
    Ok(bytes)
}

/// How the target's words stand to the host's: `JITModule` reads and writes what it patches as
/// words of the host.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum WordOrder {
    Same,
    Reversed,
}

impl WordOrder {
    fn of(target: Endianness) -> Self {
        let big = cfg!(target_endian = "big");
        if big == (target == Endianness::Big) { Self::Same } else { Self::Reversed }
    }

    /// Checks that every relocation can be made, and turns what it patches into words of the host.
    fn prepare(self, code: &mut [u8], relocations: &[Relocation]) -> Result<(), CompileError> {
        for relocation in relocations {
            let start = relocation.offset as usize;
            let end = patched_words(relocation).and_then(|words| start.checked_add(words * 4));
            if end.is_none_or(|end| end > code.len()) {
                return Err(internal(&format!(
                    "code has a reference that is not relative: {relocation:?}"
                )));
            }
        }
        self.restore(code, relocations);
        Ok(())
    }

    /// Turns what relocations have patched back into words of the target.
    fn restore(self, code: &mut [u8], relocations: &[Relocation]) {
        if self == Self::Same {
            return;
        }
        for relocation in relocations {
            let words = patched_words(relocation).unwrap_or(0);
            let patched = &mut code[relocation.offset as usize..][..words * 4];
            patched.chunks_exact_mut(4).for_each(<[u8]>::reverse);
        }
    }
}

/// How many 32-bit words `relocation` patches; `None` if it is not one of those that give the same
/// bytes wherever the image is, or that `JITModule` gets wrong.
fn patched_words(relocation: &Relocation) -> Option<usize> {
    match relocation.kind {
        Reloc::X86PCRel4 | Reloc::X86CallPCRel4 => Some(1),
        // The second is absolute, but of a place on its page.
        Reloc::Arm64Call | Reloc::Aarch64AdrPrelPgHi21 | Reloc::Aarch64AddAbsLo12Nc => Some(1),
        Reloc::RiscvCallPlt => Some(2),
        // Its other half, RiscvPCRelLo12I, leaves the addend out.
        Reloc::RiscvPCRelHi20 if relocation.addend != 0 => None,
        Reloc::RiscvPCRelHi20 | Reloc::RiscvPCRelLo12I => Some(1),
        Reloc::S390xPCRel32Dbl | Reloc::S390xPLTRel32Dbl => Some(1),
        _ => None,
    }
}

fn internal(message: &dyn core::fmt::Display) -> CompileError {
    CompileError::Internal { what: "the image".to_owned(), message: message.to_string() }
}

#[cfg(test)]
mod tests {
    use brolga_abi::CompileOptions;
    use cranelift_codegen::Context;
    use cranelift_codegen::ir::{
        ExtFuncData, ExternalName, Function, GlobalValueData, InstBuilder, MemFlagsData, types,
    };
    use cranelift_frontend::{FunctionBuilder, FunctionBuilderContext};

    use super::*;
    use crate::Target;
    use crate::emit::emit;

    const FIRST: Symbol = Symbol::Function(DefinedFuncIndex(0));
    const SECOND: Symbol = Symbol::Function(DefinedFuncIndex(1));
    const TABLE: TableIndex = TableIndex(3);

    fn isa(target: &Target) -> OwnedTargetIsa {
        target.isa(&CompileOptions { verify_ir: true, ..CompileOptions::default() }).unwrap()
    }

    /// A function that returns the address of the table, having called each of `callees`.
    fn function(isa: &OwnedTargetIsa, callees: &[Symbol]) -> CompiledFunction {
        let mut context = Context::new();
        let mut signature = Signature::new(CallConv::Tail);
        let mut building = FunctionBuilderContext::new();
        context.func = Function::new();
        let mut builder = FunctionBuilder::new(&mut context.func, &mut building);
        let block = builder.create_block();
        builder.switch_to_block(block);
        builder.seal_block(block);
        for callee in callees {
            let name = builder.func.declare_imported_user_function(callee.to_name());
            let signature = builder.import_signature(signature.clone());
            let callee = builder.import_function(ExtFuncData {
                name: ExternalName::user(name),
                signature,
                colocated: true,
                patchable: false,
            });
            builder.ins().call(callee, &[]);
        }
        let name = Symbol::StaticTable(TABLE).to_name();
        let name = builder.func.declare_imported_user_function(name);
        let table = builder.create_global_value(GlobalValueData::Symbol {
            name: ExternalName::user(name),
            offset: 0.into(),
            colocated: true,
            tls: false,
        });
        let address = builder.ins().symbol_value(types::I64, table);
        let first = builder.ins().load(types::I64, MemFlagsData::trusted(), address, 0);
        let sum = builder.ins().iadd(address, first);
        signature.returns.push(cranelift_codegen::ir::AbiParam::new(types::I64));
        builder.func.signature = signature;
        builder.ins().return_(&[sum]);
        builder.finalize(isa.frontend_config());
        emit(&mut context, &**isa, 0).unwrap()
    }

    /// Two functions that call each other, the first by several calls.
    fn functions(isa: &OwnedTargetIsa) -> Vec<(Symbol, CompiledFunction)> {
        vec![(FIRST, function(isa, &[SECOND, FIRST, SECOND])), (SECOND, function(isa, &[FIRST]))]
    }

    fn table() -> TableContents {
        let element = |func| Some((DefinedFuncIndex(func), TypeIndex(7)));
        TableContents { table: TABLE, elements: vec![element(1), None, element(0)] }
    }

    fn word(code: &[u8], at: usize, endianness: Endianness) -> u32 {
        let bytes = code[at..at + 4].try_into().unwrap();
        match endianness {
            Endianness::Little => u32::from_le_bytes(bytes),
            Endianness::Big => u32::from_be_bytes(bytes),
        }
    }

    /// Where the call at `at` goes, as the target's CPU reads it.
    fn call_target(code: &[u8], at: usize, kind: Reloc) -> i64 {
        let here = at as i64;
        match kind {
            Reloc::X86CallPCRel4 => here + 4 + i64::from(word(code, at, Endianness::Little) as i32),
            Reloc::Arm64Call => {
                let instruction = word(code, at, Endianness::Little);
                assert_eq!(instruction >> 26, 0b100101, "not a bl");
                here + i64::from((instruction << 6) as i32 >> 4)
            }
            Reloc::RiscvCallPlt => {
                let upper = word(code, at, Endianness::Little);
                let lower = word(code, at + 4, Endianness::Little);
                assert_eq!(upper & 0x7f, 0b0010111, "not an auipc");
                here + i64::from((upper & 0xffff_f000) as i32) + i64::from(lower as i32 >> 20)
            }
            Reloc::S390xPLTRel32Dbl => {
                assert_eq!(code[at - 2..at], [0xc0, 0xe5], "not a brasl");
                here - 2 + 2 * i64::from(word(code, at, Endianness::Big) as i32)
            }
            kind => panic!("a call by {kind:?}"),
        }
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn an_image_is_the_same_wherever_it_is_linked() {
        for target in Target::all_of_this_build() {
            let isa = isa(&target);
            let link_at = |skew_pages| {
                let limit = target.text_bytes_max();
                link_at(skew_pages, isa.clone(), limit, functions(&isa), &[table()]).unwrap()
            };
            let image = link_at(0);
            for skew_pages in [1, 2, 5, 64] {
                assert!(link_at(skew_pages) == image, "{target:?}");
            }
        }
    }

    #[test]
    fn calls_lead_to_where_the_functions_are() {
        for target in Target::all_of_this_build() {
            let isa = isa(&target);
            let functions = functions(&isa);
            let linked =
                link(isa.clone(), target.text_bytes_max(), functions.clone(), &[table()]).unwrap();
            let mut calls = 0;
            for ((_, function), range) in functions.iter().zip(&linked.functions) {
                for relocation in &function.relocations {
                    let at = (range.start + relocation.offset) as usize;
                    let RelocationTarget::Symbol(Symbol::Function(callee)) = relocation.target
                    else {
                        continue;
                    };
                    let found = call_target(&linked.code, at, relocation.kind);
                    let callee = linked.functions[callee.as_usize()];
                    assert_eq!(found, i64::from(callee.start), "{target:?}");
                    calls += 1;
                }
            }
            assert_eq!(calls, 4, "{target:?}");
        }
    }

    #[test]
    fn a_static_table_leads_to_its_functions() {
        for target in Target::all_of_this_build() {
            let isa = isa(&target);
            let endianness = isa.endianness();
            let linked =
                link(isa.clone(), target.text_bytes_max(), functions(&isa), &[table()]).unwrap();
            let start = linked.tables[0];
            assert_eq!(start, linked.text_bytes);
            assert_eq!(linked.code.len(), start as usize + 3 * ENTRY_BYTES);
            let entry = |position: usize| {
                let at = start as usize + position * ENTRY_BYTES;
                let offset = word(&linked.code, at, endianness) as i32;
                (start as i32 + offset, word(&linked.code, at + 4, endianness))
            };
            assert_eq!(entry(0), (linked.functions[1].start as i32, 7));
            assert_eq!(entry(1).1, u32::MAX);
            assert_eq!(entry(2), (linked.functions[0].start as i32, 7));
        }
    }

    #[test]
    fn functions_lie_apart_in_the_text() {
        for target in Target::all_of_this_build() {
            let isa = isa(&target);
            let linked = link(isa.clone(), u64::MAX, functions(&isa), &[table()]).unwrap();
            assert!((linked.text_bytes as usize).is_multiple_of(CodeImage::PAGE));
            let [first, second] = linked.functions[..] else { panic!("two functions") };
            assert!(first.start + first.len <= second.start);
            assert!(second.start + second.len <= linked.text_bytes);
        }
    }

    #[test]
    fn an_image_without_anything_is_empty() {
        let isa = isa(&Target::host().unwrap());
        let linked = link(isa, u64::MAX, Vec::new(), &[]).unwrap();
        assert_eq!(linked.code, []);
        assert_eq!(linked.text_bytes, 0);
    }

    #[test]
    fn code_beyond_the_reach_of_calls_is_refused() {
        let isa = isa(&Target::host().unwrap());
        let limit = CodeImage::PAGE as u64 - 1;
        let error = link(isa.clone(), limit, functions(&isa), &[table()]).unwrap_err();
        let expected = CompileError::ImageTooLarge {
            what: "code",
            bytes: CodeImage::PAGE as u64,
            limit_bytes: limit,
        };
        assert_eq!(error, expected);
    }

    #[test]
    #[cfg_attr(miri, ignore = "takes minutes")]
    fn what_would_not_be_relative_is_refused() {
        let isa = isa(&Target::host().unwrap());
        let refusal = |kind, offset, target, addend| {
            let mut functions = functions(&isa);
            let relocation = Relocation { offset, kind, target, addend };
            functions[0].1.relocations = vec![relocation];
            match link(isa.clone(), u64::MAX, functions, &[table()]).unwrap_err() {
                CompileError::Internal { message, .. } => message,
                other => panic!("{other:?}"),
            }
        };
        let second = RelocationTarget::Symbol(SECOND);
        for kind in [Reloc::Abs4, Reloc::Abs8, Reloc::X86GOTPCRel4, Reloc::X86CallPLTRel4] {
            assert!(refusal(kind, 0, second, 0).contains("not relative"));
        }
        assert!(refusal(Reloc::RiscvPCRelHi20, 0, second, 8).contains("not relative"));
        assert!(refusal(Reloc::X86PCRel4, 1 << 20, second, 0).contains("not relative"));
        let missing = RelocationTarget::Symbol(Symbol::HostExit(TypeIndex(0)));
        assert!(refusal(Reloc::X86PCRel4, 0, missing, 0).contains("is missing"));
    }
}
