//! Functions as text: which ones, and what the compiler makes of each.

use std::io::Write;

use brolga::inspect::{Inspection, readable};

use crate::failure::Failure;
use crate::input::Name;

/// Two views of a function.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum View {
    /// The intermediate code.
    Clif,
    /// The machine code.
    Asm,
}

/// Writes `view` of each of `functions`.
pub(crate) fn write(
    output: &mut dyn Write,
    module: &Inspection,
    functions: Vec<u32>,
    view: View,
    cannot_compile: impl Fn(brolga::Error) -> Failure,
) -> Result<(), Failure> {
    let mut written = Ok(());
    let listed = module.list(functions, |func, listing| {
        let code = match view {
            View::Clif => listing.ir,
            View::Asm => listing.assembly,
        };
        let name = module.name(func).map_or("without a name".to_owned(), readable);
        written = writeln!(output, ";; function {func}: {name}\n{}\n", code.trim_end());
        match written {
            Ok(()) => Ok(()),
            Err(_) => Err(brolga::Error::msg("nobody reads on")),
        }
    });
    written?;
    listed.map_err(cannot_compile)
}

/// The function called `name`, or all that the module defines.
pub(crate) fn functions(
    module: &Inspection,
    file: Name<'_>,
    name: Option<&str>,
) -> Result<Vec<u32>, Failure> {
    let Some(name) = name else {
        return Ok(module.functions().collect());
    };
    match module.find(name) {
        Some(func) if module.functions().contains(&func) => Ok(vec![func]),
        Some(_) => {
            Err(Failure::new(format!("the function `{name}` is imported: there is no code of it")))
        }
        None => {
            let failure = Failure::new(format!("{file} has no function `{name}`"));
            Err(failure.hint(some_names(module)))
        }
    }
}

/// The names of some functions, in a sentence.
fn some_names(module: &Inspection) -> String {
    let some: Vec<_> = module
        .functions()
        .filter_map(|func| module.name(func))
        .take(10)
        .map(|name| format!("`{name}`"))
        .collect();
    if some.is_empty() {
        return "its functions have no names: give an index".to_owned();
    }
    format!("it has {} functions, such as {}", module.functions().len(), some.join(", "))
}
