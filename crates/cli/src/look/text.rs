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
    /// Where what it shows begins, in bytes from the module's start.
    pub(crate) offset: usize,
    /// The text, indented.
    pub(crate) text: String,
}

/// The lines of each of the functions, whose bodies are at `bodies`, sorted.
pub(crate) fn functions(
    module: &Inspection,
    bodies: &[Range<usize>],
) -> Result<Vec<Vec<Line>>, Failure> {
    let mut printer = Printer { bodies, functions: vec![Vec::new(); bodies.len()], into: None };
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
}

impl Print for Printer<'_> {
    fn write_str(&mut self, text: &str) -> io::Result<()> {
        if let Some(line) = self.into.and_then(|function| self.functions[function].last_mut()) {
            line.text.push_str(text);
        }
        Ok(())
    }

    fn newline(&mut self) -> io::Result<()> {
        Ok(())
    }

    fn start_line(&mut self, offset: Option<u64>) {
        let offset = offset.and_then(|offset| usize::try_from(offset).ok());
        self.into = offset.and_then(|offset| {
            let position = self.bodies.partition_point(|body| body.end <= offset);
            self.bodies.get(position).is_some_and(|body| body.contains(&offset)).then_some(position)
        });
        if let Some((function, offset)) = self.into.zip(offset) {
            self.functions[function].push(Line { offset, text: String::new() });
        }
    }
}

#[cfg(test)]
mod tests {
    use brolga::Engine;

    use super::*;

    #[test]
    fn each_function_has_its_lines_and_no_others() {
        let text = "(module
            (import \"host\" \"log\" (func $log))
            (func $first nop)
            (func $second (result i32) i32.const 7)
            (data \"after\"))";
        let module = Inspection::new(&Engine::default(), text).unwrap();
        let body = |func| module.body(func).unwrap();
        let [second] = &functions(&module, &[body(2)]).unwrap()[..] else {
            panic!("one was asked")
        };
        let texts: Vec<_> = second.iter().map(|line| line.text.trim()).collect();
        assert_eq!(texts, ["(func $second (;2;) (type 1) (result i32)", "i32.const 7", ")"]);
        assert!(second.iter().all(|line| body(2).contains(&line.offset)));
        let both = functions(&module, &[body(1), body(2)]).unwrap();
        assert_eq!(both[0][1].text.trim(), "nop");
        assert_eq!(&both[1], second);
    }
}
