//! `brolga explore`: a page that shows wasm text, intermediate code and machine code side by side,
//! where pointing at a line of one lights what belongs to it in the others.
//!
//! ```text
//!  wasm text ───────┐
//!  listing.ir ──────┼─▶ rows by operator ─▶ JSON ─▶ page.html with style.css and script.js inside
//!  disassembly ─────┘
//! ```
//!
//! **Invariants**
//! - The page is one file that asks for nothing else, and holds nothing of when and where it was
//!   made: the same module gives the same bytes.
//! - What a module calls things is text in the page, never markup.

use std::collections::{HashMap, HashSet};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use brolga::inspect::{FunctionListing, Inspection, readable};
use brolga::{CodeImage, Engine};

use crate::compile::write;
use crate::ctrl_c::CtrlC;
use crate::engine;
use crate::failure::Failure;
use crate::flags::ExploreFlags;
use crate::input::{self, Name};
use crate::json::Json;
use crate::look::disassemble::Disassembler;
use crate::look::text::Line;
use crate::look::{listing, text};
use crate::objdump::{place, source_at};
use crate::object;
use crate::progress::Progress;

/// More functions than that make a page that no browser likes.
const FUNCTIONS_MAX: usize = 3000;

pub(crate) fn explore(flags: &ExploreFlags) -> Result<ExitCode, Failure> {
    let output = output(flags)?;
    let ctrl_c = CtrlC::ends_process()?;
    let engine = engine::engine(&engine::config_for(&flags.target, &flags.code)?)?;
    let bytes = input::read(&flags.file)?;
    let cannot_compile = |error| input::cannot_compile(&flags.file, &bytes, &error);
    let module = Inspection::new(&engine, &bytes).map_err(cannot_compile)?;
    let functions = functions(&module, flags)?;
    let image = module.image_observed(&Progress::new(&ctrl_c)).map_err(cannot_compile)?;
    let explorer = Explorer::new(&module, &image, &functions)?;
    let count = functions.len();
    let mut all = Vec::with_capacity(count);
    let mut failed = None;
    let listed = module.list(functions, |func, listing| match explorer.function(func, &listing) {
        Ok(json) => {
            all.push(json);
            Ok(())
        }
        Err(failure) => {
            failed = Some(failure);
            Err(brolga::Error::msg(""))
        }
    });
    if let Some(failure) = failed {
        return Err(failure);
    }
    listed.map_err(cannot_compile)?;
    write(&output, page(&explorer.data(&title(flags, &module), &engine, all)).as_bytes())?;
    if output != Path::new("-") {
        let plural = if count == 1 { "function" } else { "functions" };
        writeln!(io::stdout(), "{}: {count} {plural}, for a browser", output.display())?;
    }
    Ok(ExitCode::SUCCESS)
}

/// Where the page goes.
fn output(flags: &ExploreFlags) -> Result<PathBuf, Failure> {
    match (&flags.output, flags.file.file_stem()) {
        (Some(output), _) => Ok(output.clone()),
        (None, Some(stem)) if flags.file != Path::new("-") => {
            Ok(PathBuf::from(stem).with_extension("explore.html"))
        }
        _ => {
            let failure = Failure::usage("there is no file to write the page to");
            Err(failure.hint("--output FILE names one, or - standard output"))
        }
    }
}

fn functions(module: &Inspection, flags: &ExploreFlags) -> Result<Vec<u32>, Failure> {
    let file = Name(&flags.file);
    if flags.functions.is_empty() {
        let all = listing::functions(module, file, None)?;
        if all.len() > FUNCTIONS_MAX {
            let message = format!("{file} has {} functions, too many for a page", all.len());
            let hint = "--function NAME shows one, and may be given several times";
            return Err(Failure::new(message).hint(hint));
        }
        return Ok(all);
    }
    let mut functions = Vec::new();
    for name in &flags.functions {
        functions.extend(listing::functions(module, file, Some(name))?);
    }
    functions.sort_unstable();
    functions.dedup();
    Ok(functions)
}

/// The module's own name, or the file's: where that lies is nobody's business.
fn title(flags: &ExploreFlags, module: &Inspection) -> String {
    match (module.module_name(), flags.file.file_name()) {
        (Some(name), _) => name.to_owned(),
        (None, Some(file)) if flags.file != Path::new("-") => file.to_string_lossy().into_owned(),
        _ => "standard input".to_owned(),
    }
}

/// What all functions share.
struct Explorer<'a> {
    module: &'a Inspection,
    image: &'a CodeImage,
    disassembler: Disassembler,
    /// What begins where in the image.
    names: HashMap<u32, String>,
    texts: HashMap<u32, Vec<Line>>,
}

impl<'a> Explorer<'a> {
    fn new(
        module: &'a Inspection,
        image: &'a CodeImage,
        functions: &[u32],
    ) -> Result<Self, Failure> {
        let bodies: Vec<_> = functions.iter().filter_map(|func| module.body(*func)).collect();
        let texts = text::functions(module, &bodies)?;
        let names = object::symbols(module, image, readable).map(|(name, start, _)| (start, name));
        Ok(Self {
            module,
            image,
            disassembler: Disassembler::new(&image.target)?,
            names: names.collect(),
            texts: functions.iter().copied().zip(texts).collect(),
        })
    }

    fn data(&self, title: &str, engine: &Engine, functions: Vec<Json>) -> Json {
        let settings = brolga::inspect::settings(engine);
        let groups = settings.iter().filter(|(group, _)| *group == "code");
        let mut rows = groups.flat_map(|(_, rows)| rows);
        let level = rows.find(|(name, _)| name == "opt_level").map_or("", |(_, value)| value);
        let about = format!("for {}, optimised: {level}", self.image.target);
        Json::object([
            ("title", Json::text(title)),
            ("about", Json::text(about)),
            ("functions", Json::Array(functions)),
        ])
    }

    /// Each row is an operator's offset (or null), what stands in front, the text, and for wasm
    /// the place in the source.
    fn function(&self, func: u32, listing: &FunctionListing) -> Result<Json, Failure> {
        let lines = self.texts.get(&func).map_or(&[][..], Vec::as_slice);
        // Only what became something can be lit.
        let mut known: HashSet<usize> =
            listing.sources.iter().map(|source| source.wasm_offset as usize).collect();
        known.extend(listing.ir.lines().filter_map(|line| ir_line(line).0));
        let name = self.module.name(func).map_or("without a name".to_owned(), readable);
        Ok(Json::object([
            ("index", Json::Number(func.into())),
            ("name", Json::text(name)),
            ("wasm", Json::Array(self.wasm(lines, &known))),
            ("clif", Json::Array(clif(&listing.ir))),
            ("asm", Json::Array(self.asm(func, listing)?)),
        ]))
    }

    fn wasm(&self, lines: &[Line], known: &HashSet<usize>) -> Vec<Json> {
        let offsets: Vec<_> = lines.iter().map(|line| line.offset).collect();
        let symbols = self.module.symbols(&offsets);
        // Text has two levels of indentation before a function begins.
        let margin = lines.first().map_or(0, |line| indentation(&line.text));
        let mut before = None;
        let rows = lines.iter().zip(symbols).map(|(line, symbols)| {
            let place = place(&symbols);
            let new = place.clone().filter(|_| place != before);
            before = place.or(before.take());
            let at = format!("{:x}", line.offset);
            let text = &line.text[margin.min(indentation(&line.text))..];
            let operator = Some(line.offset).filter(|offset| known.contains(offset));
            row(operator, at, text, new)
        });
        rows.collect()
    }

    fn asm(&self, func: u32, listing: &FunctionListing) -> Result<Vec<Json>, Failure> {
        let range = self.image.functions[(func - self.module.functions().start) as usize];
        let instructions = self.disassembler.read(self.image, range, listing)?;
        let rows = instructions.into_iter().map(|instruction| {
            let source = source_at(listing, instruction.address - range.start);
            let operator = source.map(|source| listing.sources[source].wasm_offset as usize);
            let mut text = instruction.text;
            if let Some(name) = instruction.target.and_then(|target| self.names.get(&target)) {
                text.push_str(&format!(" <{name}>"));
            }
            row(operator, format!("{:x}", instruction.address), &text, None)
        });
        Ok(rows.collect())
    }
}

fn row(operator: Option<usize>, at: String, text: &str, place: Option<String>) -> Json {
    let operator = operator.map_or(Json::Null, |offset| Json::Number(offset as u64));
    let mut row = vec![operator, Json::text(at), Json::text(text.trim_end())];
    row.extend(place.map(Json::text));
    Json::Array(row)
}

fn indentation(text: &str) -> usize {
    text.len() - text.trim_start().len()
}

fn clif(ir: &str) -> Vec<Json> {
    let rows = ir.trim_end().lines().map(|line| {
        let (operator, text) = ir_line(line);
        let text = text.trim();
        let is_header = text.starts_with("block") || text.starts_with("function ") || text == "}";
        let text = if is_header { text.to_owned() } else { format!("    {text}") };
        let at = operator.map_or(String::new(), |offset| format!("{offset:x}"));
        row(operator, at, &text, None)
    });
    rows.collect()
}

/// The operator that a line of intermediate code came from, and the rest of the line.
fn ir_line(line: &str) -> (Option<usize>, &str) {
    let Some(marked) = line.strip_prefix('@') else {
        return (None, line);
    };
    let (offset, rest) = marked.split_once(' ').unwrap_or((marked, ""));
    (usize::from_str_radix(offset, 16).ok(), rest)
}

/// The page that shows `data`.
fn page(data: &Json) -> String {
    // A single pass, so that nothing in the data is taken for one of the page's holes.
    let mut page = String::new();
    let mut rest = include_str!("page.html");
    while let Some((before, after)) = rest.split_once("{{") {
        let Some((hole, after)) = after.split_once("}}") else { break };
        page.push_str(before);
        match hole {
            "title" => page.push_str("brolga explore"),
            "style" => page.push_str(include_str!("style.css").trim_end()),
            "script" => page.push_str(include_str!("script.js").trim_end()),
            _ => data.write(&mut page),
        }
        rest = after;
    }
    page.push_str(rest);
    page
}
