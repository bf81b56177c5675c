//! `brolga objdump`: machine code, with the wasm operators and source lines it came from beside.

use std::collections::HashMap;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use brolga::CodeImage;
use brolga::inspect::{FunctionListing, Inspection, readable};

use crate::ctrl_c::CtrlC;
use crate::engine;
use crate::failure::Failure;
use crate::flags::ObjdumpFlags;
use crate::input::{self, Name};
use crate::look::disassemble::{Disassembler, Instruction};
use crate::look::{listing, text};
use crate::object;
use crate::progress::Progress;

/// Where what stands beside an instruction begins.
const BESIDE: usize = 48;

pub(crate) fn objdump(flags: &ObjdumpFlags) -> Result<ExitCode, Failure> {
    let ctrl_c = CtrlC::ends_process()?;
    let engine = engine::engine(&engine::config_for(&flags.target, &flags.code)?)?;
    let bytes = input::read(&flags.file)?;
    let cannot_compile = |error| input::cannot_compile(&flags.file, &bytes, &error);
    let module = Inspection::new(&engine, &bytes).map_err(cannot_compile)?;
    let functions = listing::functions(&module, Name(&flags.file), flags.function.as_deref())?;
    let image = module.image_observed(&Progress::new(&ctrl_c)).map_err(cannot_compile)?;
    let dump = Dump::new(&module, &image, &functions, flags.bytes)?;
    let mut output = BufWriter::new(io::stdout().lock());
    let mut failure = Ok(());
    let listed = module.list(functions, |func, listing| {
        failure = dump.function(&mut output, func, &listing);
        match failure {
            Ok(()) => Ok(()),
            Err(_) => Err(brolga::Error::msg("")),
        }
    });
    failure?;
    listed.map_err(cannot_compile)?;
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What the optimiser made anew, and moves between registers, belong to no one operator.
const NO_OPERATOR: &str = "no operator";

/// What all functions share.
struct Dump<'a> {
    module: &'a Inspection,
    image: &'a CodeImage,
    disassembler: Disassembler,
    /// What begins where in the image.
    names: HashMap<u32, String>,
    /// The text of the operators of the functions that are shown.
    operators: HashMap<usize, String>,
    shows_bytes: bool,
}

impl<'a> Dump<'a> {
    fn new(
        module: &'a Inspection,
        image: &'a CodeImage,
        functions: &[u32],
        shows_bytes: bool,
    ) -> Result<Self, Failure> {
        let bodies: Vec<_> = functions.iter().filter_map(|func| module.body(*func)).collect();
        let lines = text::functions(module, &bodies)?.into_iter().flatten();
        let operators = lines.map(|line| (line.offset, line.text.trim().to_owned()));
        let names = object::symbols(module, image, readable).map(|(name, start, _)| (start, name));
        Ok(Self {
            module,
            image,
            disassembler: Disassembler::new(&image.target)?,
            names: names.collect(),
            operators: operators.collect(),
            shows_bytes,
        })
    }

    fn function(
        &self,
        output: &mut dyn Write,
        func: u32,
        listing: &FunctionListing,
    ) -> Result<(), Failure> {
        let position = (func - self.module.functions().start) as usize;
        let range = self.image.functions[position];
        let name = self.names.get(&range.start).map_or("", String::as_str);
        writeln!(output, "{:08x} <{name}>: function {func}", range.start)?;
        let offsets: Vec<_> =
            listing.sources.iter().map(|source| source.wasm_offset as usize).collect();
        let symbols = self.module.symbols(&offsets);
        let (first, end) = match (listing.sources.first(), listing.sources.last()) {
            (Some(first), Some(last)) => (first.start, last.end),
            _ => (range.len, range.len),
        };
        let mut shown = None;
        for instruction in self.disassembler.read(self.image, range, listing)? {
            let within = instruction.address - range.start;
            let source = source_at(listing, within);
            let mut beside = Vec::new();
            // Said once for all instructions in a row that came from the same operator.
            let offset = source.map(|source| offsets[source]);
            if offset != shown {
                shown = offset;
                match source {
                    Some(source) => {
                        beside.push(self.operator(func, offsets[source]));
                        beside.extend(place(&symbols[source]));
                    }
                    None if (first..end).contains(&within) => beside.push(NO_OPERATOR.to_owned()),
                    None => {}
                }
            }
            if let Some(site) = self.image.trap_site(instruction.address) {
                beside.push(format!("may trap: {}", site.trap));
            }
            self.instruction(output, &instruction, &beside)?;
        }
        writeln!(output)?;
        Ok(())
    }

    fn operator(&self, func: u32, offset: usize) -> String {
        let is_last = self.module.body(func).is_some_and(|body| body.end == offset + 1);
        match self.operators.get(&offset) {
            // Where the binary ends a function, the text only closes a parenthesis.
            _ if is_last => format!("{offset:#x} end"),
            Some(text) => format!("{offset:#x} {text}"),
            None => format!("{offset:#x}"),
        }
    }

    fn instruction(
        &self,
        output: &mut dyn Write,
        instruction: &Instruction,
        beside: &[String],
    ) -> Result<(), Failure> {
        let mut line = format!("{:>8x}: ", instruction.address);
        if self.shows_bytes {
            let bytes: Vec<_> =
                instruction.bytes.iter().map(|byte| format!("{byte:02x}")).collect();
            line.push_str(&format!("{:<31} ", bytes.join(" ")));
        }
        line.push_str(&instruction.text);
        if let Some(name) = instruction.target.and_then(|target| self.names.get(&target)) {
            line.push_str(&format!(" <{name}>"));
        }
        if !beside.is_empty() {
            let column = BESIDE + if self.shows_bytes { 32 } else { 0 };
            line = format!("{line:<column$}; {}", beside.join("; "));
        }
        writeln!(output, "{}", line.trim_end())?;
        Ok(())
    }
}

/// Which of the listing's sources the code at `within` came from.
pub(crate) fn source_at(listing: &FunctionListing, within: u32) -> Option<usize> {
    let after = listing.sources.partition_point(|source| source.start <= within);
    let position = after.checked_sub(1)?;
    (within < listing.sources[position].end).then_some(position)
}

/// Where in the source: the innermost place.
pub(crate) fn place(symbols: &[brolga::FrameSymbol]) -> Option<String> {
    let symbol = symbols.first()?;
    let mut place = symbol.file()?.to_owned();
    for number in [symbol.line(), symbol.column()].into_iter().map_while(|number| number) {
        place.push_str(&format!(":{number}"));
    }
    Some(place)
}
