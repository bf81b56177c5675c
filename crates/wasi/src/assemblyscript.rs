//! What programs of AssemblyScript import from `env`, when they are not compiled for WASI: `abort`,
//! `trace` and `seed`.

use brolga::{Caller, EpochWatch, Error, Extern, Linker, Result};

use crate::context::WasiCtx;
use crate::descriptor::Object;
use crate::guest::Guest;
use crate::log::LogScopes;
use crate::proc::Exit;
use crate::wait::Waits;

const MODULE: &str = "env";

/// The code that an aborted program ends with.
const ABORTED: i32 = 255;

/// Bytes of a string that are printed.
const TEXT_BYTES_MAX: u32 = 64 * 1024;

/// Where the context's streams stand.
const STDERR: u32 = 2;

/// Defines AssemblyScript's `abort`, `trace` and `seed` of the module `env`. `get` finds the
/// context in the store's data.
///
/// - `abort` writes its message with file, line and column to standard error and ends the program
///   with [`Exit`] 255.
/// - `trace` writes its message and its numbers to standard error.
/// - `seed` comes from the context's random bytes: the same in each run, unless it was given
///   others.
///
/// ```
/// # fn main() -> brolga::Result<()> {
/// use brolga::{Engine, Linker, Module, Store};
/// use brolga_wasi::{Exit, OutputBuffer, WasiCtx, WasiCtxBuilder};
///
/// let engine = Engine::default();
/// let module = Module::new(&engine, r#"(module
///     (import "env" "abort" (func $abort (param i32 i32 i32 i32)))
///     (memory (export "memory") 1)
///     (data (i32.const 12) "\04\00\00\00n\00o\00")
///     (func (export "run")
///         (call $abort (i32.const 16) (i32.const 0) (i32.const 3) (i32.const 5))))"#)?;
/// let mut linker = Linker::new(&engine);
/// brolga_wasi::add_assemblyscript_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
/// let error = OutputBuffer::new(100);
/// let context = WasiCtxBuilder::new().stderr(error.clone()).build();
/// let mut store = Store::new(&engine, context);
/// let instance = linker.instantiate(&mut store, &module)?;
/// let run = instance.get_typed_func::<(), ()>(&mut store, "run")?;
/// let outcome = run.call(&mut store, ()).unwrap_err();
/// assert_eq!(outcome.downcast_ref(), Some(&Exit(255)));
/// assert_eq!(error.contents(), b"abort: no at 3:5\n");
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// If `linker` has one of them already and does not allow shadowing.
pub fn add_assemblyscript_to_linker<T: 'static>(
    linker: &mut Linker<T>,
    get: impl Fn(&mut T) -> &mut WasiCtx + Send + Sync + Copy + 'static,
) -> Result<()> {
    linker.func_wrap(
        MODULE,
        "abort",
        move |mut caller: Caller<'_, T>,
              message: u32,
              file: u32,
              line: u32,
              column: u32|
              -> Result<()> {
            let message = text(&mut caller, message);
            let file = text(&mut caller, file);
            let place = if file.is_empty() { String::new() } else { format!("{file}:") };
            let watch = caller.epoch_watch();
            let context = get(caller.data_mut());
            log(context, LogScopes::PROC, || {
                format!("abort({message:?}, {file:?}, {line}, {column})")
            });
            print(context, watch, &format!("abort: {message} at {place}{line}:{column}\n"));
            Err(Error::new(Exit(ABORTED)))
        },
    )?;
    linker.func_wrap(
        MODULE,
        "trace",
        move |mut caller: Caller<'_, T>,
              message: u32,
              count: u32,
              a: f64,
              b: f64,
              c: f64,
              d: f64,
              e: f64| {
            let message = text(&mut caller, message);
            let numbers: Vec<_> =
                [a, b, c, d, e].iter().take(count as usize).map(f64::to_string).collect();
            let space = if numbers.is_empty() { "" } else { " " };
            let numbers = numbers.join(", ");
            let watch = caller.epoch_watch();
            let context = get(caller.data_mut());
            log(context, LogScopes::PROC, || format!("trace({message:?}, [{numbers}])"));
            print(context, watch, &format!("trace: {message}{space}{numbers}\n"));
        },
    )?;
    linker.func_wrap(MODULE, "seed", move |mut caller: Caller<'_, T>| -> Result<f64> {
        let context = get(caller.data_mut());
        let mut bytes = [0; 8];
        context.random.fill(&mut bytes)?;
        log(context, LogScopes::RANDOM, || "seed()".to_owned());
        Ok(seed(bytes))
    })?;
    Ok(())
}

/// A number that is one: programs make an integer of it, which infinity and not-a-number are not.
fn seed(bytes: [u8; 8]) -> f64 {
    // As many bits as a float tells apart.
    (u64::from_le_bytes(bytes) >> 11) as f64
}

fn log(context: &mut WasiCtx, scope: LogScopes, call: impl Fn() -> String) {
    if let Some(log) = &mut context.log
        && log.has(scope)
    {
        log.line(&format!("--> {}", call()));
    }
}

/// Writes to standard error, if the program has not closed it and as far as it takes it before the
/// store's deadline or the context's.
fn print(context: &mut WasiCtx, watch: Option<EpochWatch>, text: &str) {
    let mut waits = Waits { watch, deadline: context.deadline, ..Waits::default() };
    let Ok(descriptor) = context.descriptors.get_mut(STDERR) else { return };
    if let Object::Output(output) = &mut descriptor.object {
        let mut rest = text.as_bytes();
        while let Ok(count @ 1..) = output.write(rest, &mut waits) {
            rest = rest.get(count..).unwrap_or_default();
            if rest.is_empty() {
                break;
            }
        }
        // What can't be told can't be helped.
        let _ = output.flush();
    }
}

/// The string at `address`: UTF-16, its bytes counted in the word before it. None, as a program's
/// own mistakes leave it, is empty.
fn text<T: 'static>(caller: &mut Caller<'_, T>, address: u32) -> String {
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else { return String::new() };
    let (bytes, _) = memory.data_and_store_mut(caller);
    let guest = Guest::new(bytes);
    let Some(before) = address.checked_sub(4) else { return String::new() };
    let length = guest.array(before).map_or(0, u32::from_le_bytes);
    let Ok(bytes) = guest.slice(address, length.min(TEXT_BYTES_MAX)) else { return String::new() };
    let units = bytes.as_chunks::<2>().0.iter().map(|unit| u16::from_le_bytes(*unit));
    char::decode_utf16(units).map(|it| it.unwrap_or(char::REPLACEMENT_CHARACTER)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_is_a_whole_number() {
        assert_eq!(seed([0; 8]), 0.0);
        assert_eq!(seed([0xff; 8]), 9_007_199_254_740_991.0);
    }
}
