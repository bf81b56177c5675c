//! `brolga inspect`: what the compiler makes of a module.

use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

use brolga::Config;
use brolga::inspect::Inspection;

use crate::engine;
use crate::failure::Failure;
use crate::flags::InspectFlags;
use crate::input::{self, Name};

pub(crate) fn inspect(flags: &InspectFlags) -> Result<ExitCode, Failure> {
    let engine = engine::engine(&Config::new())?;
    let bytes = input::read(&flags.file)?;
    let cannot_compile = |error| input::cannot_compile(&flags.file, &bytes, &error);
    let module = Inspection::new(&engine, &bytes).map_err(cannot_compile)?;
    let mut output = BufWriter::new(io::stdout().lock());
    if flags.what.layout {
        output.write_all(module.layout().map_err(cannot_compile)?.as_bytes())?;
    } else {
        for func in functions(&module, flags)? {
            let code = if flags.what.clif { module.ir(func) } else { module.machine_code(func) };
            let code = code.map_err(cannot_compile)?;
            let name = module.name(func).unwrap_or("without a name");
            writeln!(output, ";; function {func}: {name}\n{}\n", code.trim_end())?;
        }
    }
    output.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// The function asked for, or all.
fn functions(module: &Inspection, flags: &InspectFlags) -> Result<Vec<u32>, Failure> {
    let Some(name) = &flags.function else {
        return Ok(module.functions().collect());
    };
    match module.find(name) {
        Some(func) if module.functions().any(|it| it == func) => Ok(vec![func]),
        Some(_) => {
            Err(Failure::new(format!("the function `{name}` is imported: there is no code of it")))
        }
        None => {
            let file = Name(&flags.file);
            let some: Vec<_> = module
                .functions()
                .filter_map(|func| module.name(func))
                .take(10)
                .map(|name| format!("`{name}`"))
                .collect();
            let failure = Failure::new(format!("{file} has no function `{name}`"));
            Err(if some.is_empty() {
                failure.hint("its functions have no names: give an index")
            } else {
                failure.hint(format!(
                    "it has {} functions, such as {}",
                    module.functions().len(),
                    some.join(", ")
                ))
            })
        }
    }
}
