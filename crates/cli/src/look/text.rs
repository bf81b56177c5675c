//! The text of wasm operators, by their offsets in the module.
//!
//! **Invariants**
//! - Only the functions asked for are kept: the text of a large module is many times its size.

use std::io;
use std::ops::Range;

use brolga::inspect::Inspection;
use wasmprinter::Print;

use crate::failure::Failure;

/// A line of text.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    /// Where its operator begins, in bytes from the module's start; `None` of lines that hold
    /// none.
    pub(crate) offset: Option<usize>,
    /// The text, indented.
    pub(crate) text: String,
}

/// The lines of each of the functions, whose bodies are at `bodies`, sorted.
pub(crate) fn functions(
    module: &Inspection,
    bodies: &[Range<usize>],
) -> Result<Vec<Vec<Line>>, Failure> {
    let mut printer =
        Printer { bodies, functions: vec![Vec::new(); bodies.len()], into: None, header: None };
    let mut config = wasmprinter::Config::new();
    config.print_skeleton(false);
    config
        .print(module.binary(), &mut printer)
        .map_err(|error| Failure::new(format!("can't print the module as text: {error:#}")))?;
    Ok(printer.functions)
}

struct Printer<'a> {
    bodies: &'a [Range<usize>],
    functions: Vec<Vec<Line>>,
    /// Which function the line that is being written belongs to.
    into: Option<usize>,
    /// The line before, which may be the first of a function: it has no offset within the body.
    header: Option<Line>,
}

impl Print for Printer<'_> {
    fn write_str(&mut self, text: &str) -> io::Result<()> {
        let line = match self.into {
            Some(function) => self.functions[function].last_mut(),
            None => self.header.as_mut(),
        };
        if let Some(line) = line {
            line.text.push_str(text);
        }
        Ok(())
    }

    fn newline(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn start_line(&mut self, offset: Option<u64>) {
        let offset = offset.and_then(|offset| usize::try_from(offset).ok());
        let line = Line { offset, text: String::new() };
        let function = offset.and_then(|offset| {
            let position = self.bodies.partition_point(|body| body.end <= offset);
            self.bodies.get(position).is_some_and(|body| body.contains(&offset)).then_some(position)
        });
        match function {
            Some(function) => {
                let lines = &mut self.functions[function];
                if lines.is_empty() {
                    lines.extend(self.header.take().map(|line| Line { offset: None, ..line }));
                }
                lines.push(line);
            }
            None => self.header = Some(line),
        }
        self.into = function;
    }
}
