//! What a program is given of the host: nothing that a flag does not name.

use std::net::TcpListener;

use brolga_wasi::{WasiCtx, WasiCtxBuilder};

use crate::failure::Failure;
use crate::flags::RunFlags;

/// What the program in `file` is given, with `args` if it is a program that is run.
pub(super) fn context(flags: &RunFlags, file: &str, args: &[String]) -> Result<WasiCtx, Failure> {
    let given = &flags.given;
    let mut builder = WasiCtxBuilder::new();
    builder.inherit_stdio().inherit_clocks().inherit_random();
    builder.arg(given.argv0.as_deref().unwrap_or(file));
    // With --invoke the arguments are the function's.
    if flags.invoke.is_none() {
        builder.args(args);
    }
    builder.envs(&environment(given.env_inherit, &given.environment)?);
    for directory in &given.directories {
        preopen(&mut builder, directory)?;
    }
    for address in &given.listen {
        let listener = TcpListener::bind(address).map_err(|error| {
            Failure::new(format!("can't listen on `{address}`: {error}"))
                .hint("--listen takes an address and a port, such as 127.0.0.1:8080")
        })?;
        builder.preopened_listener(listener);
    }
    if let Some(scopes) = flags.finding.hostlogging {
        builder.log(scopes, std::io::stderr());
    }
    Ok(builder.build())
}

/// The variables, each once: the last that sets it wins, and keeps the first one's place.
fn environment(inherit: bool, asked: &[String]) -> Result<Vec<(String, String)>, Failure> {
    let mut variables: Vec<(String, String)> = Vec::new();
    if inherit {
        let lossy = |text: std::ffi::OsString| text.to_string_lossy().into_owned();
        variables.extend(std::env::vars_os().map(|(key, value)| (lossy(key), lossy(value))));
    }
    for variable in asked {
        let (key, value) = match variable.split_once('=') {
            Some((key, value)) => (key, value.to_owned()),
            None => (variable.as_str(), value_here(variable)?),
        };
        match variables.iter_mut().find(|(known, _)| known == key) {
            Some(known) => known.1 = value,
            None => variables.push((key.to_owned(), value)),
        }
    }
    Ok(variables)
}

fn value_here(variable: &str) -> Result<String, Failure> {
    std::env::var(variable).map_err(|_| {
        Failure::usage(format!("the environment has no variable `{variable}`"))
            .hint(format!("give it a value: --env {variable}=VALUE"))
    })
}

/// `directory` is `HOST[::GUEST][:ro]`.
fn preopen(builder: &mut WasiCtxBuilder, directory: &str) -> Result<(), Failure> {
    let (names, read_only) = match directory.strip_suffix(":ro") {
        Some(names) => (names, true),
        None => (directory, false),
    };
    let (host, guest) = names.split_once("::").unwrap_or((names, names));
    let opened = match read_only {
        true => builder.preopened_dir_read_only(host, guest),
        false => builder.preopened_dir(host, guest),
    };
    let failed = |error| {
        Failure::new(format!("{error:#}"))
            .hint(format!("--dir {directory} names a directory that must exist"))
    };
    opened.map(|_| ()).map_err(failed)
}
