//! Carries out a script's directives, one after another, in one store.

use std::collections::HashMap;
use std::path::Path;

use brolga::{Engine, Extern, Instance, Linker, Module, Result, Store, Val};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::{Id, Span};
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet};

use crate::report::{Failure, Report, Skipped};
use crate::{spectest, values};

/// Runs scripts. What one script registers, the next can import, so use one runner a script unless
/// they belong together.
pub struct Runner {
    engine: Engine,
    store: Store<()>,
    linker: Linker<()>,
    /// The instance made last: what a directive without a name means.
    current: Option<Instance>,
    instances: HashMap<String, Instance>,
    /// The module defined last, and all that have a name.
    defined: Option<Module>,
    modules: HashMap<String, Module>,
}

impl std::fmt::Debug for Runner {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Runner").field("instances", &self.instances.len()).finish_non_exhaustive()
    }
}

/// How a directive ended, other than by failing.
enum Outcome {
    Done,
    Held,
    Skipped(&'static str),
}

impl Runner {
    /// A runner whose modules are compiled by `engine`, with the module `spectest` ready to be
    /// imported.
    ///
    /// # Errors
    /// If the engine's features or limits do not admit `spectest`.
    pub fn new(engine: &Engine) -> Result<Self> {
        let mut store = Store::new(engine, ());
        let mut linker = Linker::new(engine);
        linker.allow_shadowing(true);
        spectest::define(&mut linker, &mut store)?;
        Ok(Self {
            engine: engine.clone(),
            store,
            linker,
            current: None,
            instances: HashMap::new(),
            defined: None,
            modules: HashMap::new(),
        })
    }

    /// Runs the script `source`; `file` names it in the report.
    pub fn run(&mut self, file: &str, source: &str) -> Report {
        let mut lexer = Lexer::new(source);
        // Scripts about names hold text that reads from right to left, on purpose.
        lexer.allow_confusing_unicode(true);
        let not_read = |mut error: wast::Error| {
            // The excerpt in its words names the file too.
            error.set_path(Path::new(file));
            let (line, column) = position(error.span(), source);
            let failure = Failure { file: file.into(), line, column, message: error.to_string() };
            Report { failures: vec![failure], ..Report::default() }
        };
        let buffer = match ParseBuffer::new_with_lexer(lexer) {
            Ok(buffer) => buffer,
            Err(error) => return not_read(error),
        };
        let directives = match parser::parse::<Wast<'_>>(&buffer) {
            Ok(wast) => wast.directives,
            Err(error) => return not_read(error),
        };
        let mut report = Report::default();
        for directive in directives {
            let span = directive.span();
            match self.directive(directive) {
                Ok(Outcome::Done) => report.directives += 1,
                Ok(Outcome::Held) => {
                    report.directives += 1;
                    report.assertions += 1;
                }
                Ok(Outcome::Skipped(reason)) => {
                    let (line, _) = position(span, source);
                    report.skipped.push(Skipped { file: file.into(), line, reason });
                }
                Err(message) => {
                    let (line, column) = position(span, source);
                    report.failures.push(Failure { file: file.into(), line, column, message });
                }
            }
        }
        report
    }

    fn directive(&mut self, directive: WastDirective<'_>) -> Result<Outcome, String> {
        match directive {
            WastDirective::Module(mut wat) => {
                let name = wat.name().map(|id| id.name().to_string());
                let module = self.compile(&mut wat)?;
                self.instantiate(name, &module)?;
            }
            WastDirective::ModuleDefinition(mut wat) => {
                let name = wat.name().map(|id| id.name().to_string());
                let module = self.compile(&mut wat)?;
                if let Some(name) = name {
                    self.modules.insert(name, module.clone());
                }
                self.defined = Some(module);
            }
            WastDirective::ModuleInstance { instance, module, .. } => {
                let module = self.defined_module(module)?;
                self.instantiate(instance.map(|id| id.name().to_string()), &module)?;
            }
            WastDirective::Register { name, module, .. } => {
                let instance = self.instance(module)?;
                self.linker.instance(&mut self.store, name, instance).map_err(text)?;
            }
            WastDirective::Invoke(invoke) => {
                self.invoke(&invoke)?.map_err(|error| format!("unexpected error: {error:?}"))?;
            }
            assertion => return self.assertion(assertion),
        }
        Ok(Outcome::Done)
    }

    fn assertion(&mut self, directive: WastDirective<'_>) -> Result<Outcome, String> {
        match directive {
            WastDirective::AssertReturn { exec, results, .. } => {
                let found = self.execute(exec)?;
                let found = found.map_err(|error| format!("unexpected error: {error:?}"))?;
                self.expect_results(&found, &results)?;
            }
            WastDirective::AssertTrap { exec, message, .. } => {
                let found = self.execute(exec)?;
                expect_trap(found, message)?;
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let found = self.invoke(&call)?;
                expect_trap(found, message)?;
            }
            WastDirective::AssertMalformed { mut module, message, .. }
            | WastDirective::AssertInvalid { mut module, message, .. } => {
                if self.compile(&mut module).is_ok() {
                    return Err(format!("accepted, but expected the error {message:?}"));
                }
            }
            WastDirective::AssertUnlinkable { module, message, .. } => {
                let module = self.compile(&mut QuoteWat::Wat(module))?;
                match self.linker.instantiate(&mut self.store, &module) {
                    Ok(_) => return Err(format!("linked, but expected the error {message:?}")),
                    Err(error) => expect_message(&format!("{error:?}"), message)?,
                }
            }
            WastDirective::AssertInvalidCustom { .. }
            | WastDirective::AssertMalformedCustom { .. } => {
                return Ok(Outcome::Skipped("custom sections are not interpreted"));
            }
            WastDirective::AssertException { .. } => {
                return Ok(Outcome::Skipped("exceptions are not supported"));
            }
            WastDirective::AssertSuspension { .. } => {
                return Ok(Outcome::Skipped("stack switching is not supported"));
            }
            WastDirective::Thread(_) | WastDirective::Wait { .. } => {
                return Ok(Outcome::Skipped("threads are not supported"));
            }
            other => unreachable!("{other:?} asserts nothing"),
        }
        Ok(Outcome::Held)
    }

    /// The module behind `wat`, or why it is refused: by the text format, decoding or validation.
    fn compile(&self, wat: &mut QuoteWat<'_>) -> Result<Module, String> {
        let bytes = wat.encode().map_err(|error| error.to_string())?;
        Module::new(&self.engine, bytes).map_err(text)
    }

    fn instantiate(&mut self, name: Option<String>, module: &Module) -> Result<(), String> {
        let instance = self.linker.instantiate(&mut self.store, module).map_err(text)?;
        if let Some(name) = name {
            self.instances.insert(name, instance);
        }
        self.current = Some(instance);
        Ok(())
    }

    fn instance(&self, name: Option<Id<'_>>) -> Result<Instance, String> {
        match name {
            Some(id) => self.instances.get(id.name()).copied(),
            None => self.current,
        }
        .ok_or_else(|| format!("no instance {}", name.map_or("yet", |id| id.name())))
    }

    fn defined_module(&self, name: Option<Id<'_>>) -> Result<Module, String> {
        match name {
            Some(id) => self.modules.get(id.name()).cloned(),
            None => self.defined.clone(),
        }
        .ok_or_else(|| format!("no module {}", name.map_or("yet", |id| id.name())))
    }

    /// Runs what an assertion is about. The outer error is the script's, the inner one the guest's.
    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Result<Vec<Val>>, String> {
        match exec {
            WastExecute::Invoke(invoke) => self.invoke(&invoke),
            WastExecute::Wat(wat) => {
                let module = self.compile(&mut QuoteWat::Wat(wat))?;
                Ok(self.linker.instantiate(&mut self.store, &module).map(|_| Vec::new()))
            }
            WastExecute::Get { module, global, .. } => {
                let instance = self.instance(module)?;
                match instance.get_export(&mut self.store, global) {
                    Some(Extern::Global(global)) => Ok(Ok(vec![global.get(&mut self.store)])),
                    _ => Err(format!("no exported global {global:?}")),
                }
            }
        }
    }

    fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Result<Vec<Val>>, String> {
        let instance = self.instance(invoke.module)?;
        let func = instance
            .get_func(&mut self.store, invoke.name)
            .ok_or_else(|| format!("no exported function {:?}", invoke.name))?;
        let params = invoke
            .args
            .iter()
            .map(|arg| values::argument(&mut self.store, arg))
            .collect::<Result<Vec<_>>>()
            .map_err(text)?;
        let mut results = vec![Val::I32(0); func.ty(&self.store).results().len()];
        Ok(func.call(&mut self.store, &params, &mut results).map(|()| results))
    }

    fn expect_results(&mut self, found: &[Val], expected: &[WastRet<'_>]) -> Result<(), String> {
        if found.len() != expected.len() {
            return Err(format!("expected {} results, found {}", expected.len(), found.len()));
        }
        for (position, (found, expected)) in found.iter().zip(expected).enumerate() {
            values::check(&mut self.store, found, expected)
                .map_err(|message| format!("result {position}: {message}"))?;
        }
        Ok(())
    }
}

fn expect_trap(found: Result<Vec<Val>>, message: &str) -> Result<(), String> {
    match found {
        Ok(values) => Err(format!("returned {values:?}, but expected the trap {message:?}")),
        Err(error) => match error.downcast_ref::<brolga::Trap>() {
            Some(trap) => expect_message(&trap.to_string(), message),
            None => Err(format!("expected the trap {message:?}, found another error: {error:?}")),
        },
    }
}

/// The specification's message must be part of ours. Scripts name the element of `uninitialized
/// element 2`, and say `unreachable` or `undefined element` where we say more.
fn expect_message(found: &str, expected: &str) -> Result<(), String> {
    let same = found.contains(expected)
        || (expected.starts_with("uninitialized") && found.contains("uninitialized element"));
    if same { Ok(()) } else { Err(format!("expected the message {expected:?}, found {found:?}")) }
}

fn position(span: Span, source: &str) -> (usize, usize) {
    let (line, column) = span.linecol_in(source);
    (line + 1, column + 1)
}

fn text(error: brolga::Error) -> String {
    format!("{error:?}")
}
