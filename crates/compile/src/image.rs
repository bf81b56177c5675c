//! Compiled functions to a [`CodeImage`]: links them and lists what is where.
//!
//! **Invariants**
//! - Functions stand in the order of their indices, thunks after them: so all lists of an image
//!   come out sorted.
//! - Thunks have no trap sites and no call sites: they are not wasm.

use brolga_abi::{
    CodeImage, CodeRange, CompileOptions, SourceSite, StaticTable, TrapSite, TypedCode,
};
use brolga_module::DefinedFuncIndex;
use cranelift_codegen::isa::OwnedTargetIsa;

use crate::CompileError;
use crate::emit::CompiledFunction;
use crate::entries::Thunk;
use crate::func_env::Symbol;
use crate::link::{TableContents, link};
use crate::target::Target;

/// Everything that goes into an image.
#[derive(Default)]
pub(crate) struct Pieces {
    /// The defined functions, by index.
    pub(crate) bodies: Vec<CompiledFunction>,
    /// The thunks, sorted.
    pub(crate) thunks: Vec<Thunk>,
    /// The code of each of them.
    pub(crate) compiled_thunks: Vec<CompiledFunction>,
    /// The static tables, by index.
    pub(crate) tables: Vec<TableContents>,
}

impl Pieces {
    /// Puts them together.
    pub(crate) fn link(
        mut self,
        target: &Target,
        options: &CompileOptions,
        isa: OwnedTargetIsa,
    ) -> Result<CodeImage, CompileError> {
        let sites: Vec<Sites> = self.bodies.iter_mut().map(Sites::take).collect();
        let bodies = self.bodies.into_iter().enumerate();
        let bodies = bodies.map(|(position, body)| {
            (Symbol::Function(DefinedFuncIndex::from_usize(position)), body)
        });
        let thunks = self.thunks.iter().map(|thunk| thunk.symbol()).zip(self.compiled_thunks);
        let functions = bodies.chain(thunks).collect();
        let linked = link(isa, target.text_bytes_max(), functions, &self.tables)?;
        let (bodies, thunks) = linked.functions.split_at(sites.len());
        let mut image = CodeImage {
            target: target.triple().to_string(),
            cpu_features: target.cpu_features().to_vec(),
            options_fingerprint: options.fingerprint(),
            code: linked.code,
            text_bytes: linked.text_bytes,
            functions: bodies.to_vec(),
            host_entries: Vec::new(),
            host_exits: Vec::new(),
            builtin_thunks: Vec::new(),
            trap_sites: Vec::with_capacity(sites.iter().map(|it| it.traps.len()).sum()),
            call_sites: Vec::with_capacity(sites.iter().map(|it| it.calls.len()).sum()),
            static_tables: static_tables(self.tables, &linked.tables),
        };
        for (sites, range) in sites.into_iter().zip(bodies) {
            sites.list(&mut image, *range);
        }
        for (thunk, range) in self.thunks.iter().zip(thunks) {
            list_thunk(&mut image, *thunk, *range);
        }
        Ok(image)
    }
}

/// The trap sites and call sites of a function, counted from its start.
struct Sites {
    traps: Vec<TrapSite>,
    calls: Vec<SourceSite>,
}

impl Sites {
    fn take(body: &mut CompiledFunction) -> Self {
        Self {
            traps: std::mem::take(&mut body.trap_sites),
            calls: std::mem::take(&mut body.call_sites),
        }
    }

    /// Lists them in `image`, counted from its start; the function is at `range`.
    fn list(self, image: &mut CodeImage, range: CodeRange) {
        image.trap_sites.extend(self.traps.into_iter().map(|mut site| {
            site.code_offset += range.start;
            site
        }));
        image.call_sites.extend(self.calls.into_iter().map(|mut site| {
            site.code_offset += range.start;
            site
        }));
    }
}

fn list_thunk(image: &mut CodeImage, thunk: Thunk, range: CodeRange) {
    match thunk {
        Thunk::HostEntry(ty) => image.host_entries.push(TypedCode { ty, range }),
        Thunk::HostExit(ty) => image.host_exits.push(TypedCode { ty, range }),
        Thunk::Builtin(builtin) => image.builtin_thunks.push((builtin, range)),
    }
}

fn static_tables(tables: Vec<TableContents>, starts: &[u32]) -> Vec<StaticTable> {
    let table = |(table, &start): (TableContents, &u32)| {
        let functions = table.elements.iter().map(|element| element.map(|(func, _)| func));
        StaticTable { table: table.table, start, functions: functions.collect() }
    };
    tables.into_iter().zip(starts).map(table).collect()
}
