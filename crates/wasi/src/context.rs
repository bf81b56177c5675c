//! What a guest was given: [`WasiCtx`], made by [`WasiCtxBuilder`].

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::path::Path;
use std::time::Instant;

use brolga::{Context as _, Result};

use crate::clock::{Clocks, FixedClocks, SystemClocks};
use crate::descriptor::{Descriptor, Descriptors, Object};
use crate::fs::{Fs, HostFs, MemoryBudget};
use crate::limits::WasiLimits;
use crate::log::{Log, LogScopes};
use crate::random::{Random, SeededRandom, SystemRandom};
use crate::reader::Reader;
use crate::rights::Rights;
use crate::sandbox::GuestDirectory;
use crate::stdio::{Input, Output};

/// What a guest sees of the world. It belongs in a store's data; see
/// [`add_to_linker`](crate::add_to_linker).
pub struct WasiCtx {
    pub(crate) args: Vec<String>,
    /// As `KEY=VALUE`.
    pub(crate) environ: Vec<String>,
    pub(crate) descriptors: Descriptors,
    pub(crate) clocks: Box<dyn Clocks>,
    pub(crate) random: Box<dyn Random>,
    pub(crate) limits: WasiLimits,
    pub(crate) log: Option<Log>,
    /// When waits end.
    pub(crate) deadline: Option<Instant>,
}

impl WasiCtx {
    /// From `deadline` on, no call of the guest waits: one that would ends with
    /// [`Trap::Interrupt`](brolga::Trap::Interrupt), and so does one that is waiting by then.
    /// `None`: waits last as long as they last.
    ///
    /// This is about waiting alone; for code that runs and waits see
    /// [`Store::set_epoch_deadline`](brolga::Store::set_epoch_deadline), which ends both.
    pub fn set_wait_deadline(&mut self, deadline: Option<Instant>) {
        self.deadline = deadline;
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx")
            .field("args", &self.args)
            .field("limits", &self.limits)
            .finish_non_exhaustive()
    }
}

/// Makes a [`WasiCtx`]. Nothing is inherited unless asked for.
///
/// # Preopened directories
/// They have the numbers from 3 on in the order given, and each is a world of its own:
///
/// - A path is looked for beneath the one directory that the program names, and `..` never leads
///   out of it, not even into another. Which one an absolute path belongs to, the program's library
///   decides: those of C, Rust, Zig and Go take the longest name that fits.
/// - So of `/` and `/data`, the second is what `/data/x` is looked for in. A folder `data` of the
///   first is hidden from such programs, but it is there: it is listed, and `data/x` beneath the
///   first directory is its own. A read-only directory inside one that may be written is writable
///   through the outer.
/// - The same name given twice, but for slashes at its end: the later takes the earlier's place and
///   its number.
/// - Names are moved and linked between two of them if they are of one file system: the host's,
///   with the kernel's leave, or one [`MemoryFs`](crate::MemoryFs). Else it is `xdev`.
///
/// ```
/// # fn main() -> brolga::Result<()> {
/// let context = brolga_wasi::WasiCtxBuilder::new()
///     .args(&["sort", "-r"])
///     .env("LANG", "C")
///     .stdin(&b"b\na\n"[..])
///     .inherit_stdout()
///     .preopened_dir(std::env::temp_dir(), "/tmp")?
///     .build();
/// # drop(context);
/// # Ok(())
/// # }
/// ```
pub struct WasiCtxBuilder {
    args: Vec<String>,
    environ: Vec<String>,
    input: Input,
    output: Output,
    error: Output,
    directories: Vec<(String, GuestDirectory)>,
    sockets: Vec<Descriptor>,
    clocks: Box<dyn Clocks>,
    random: Box<dyn Random>,
    limits: WasiLimits,
    /// What `limits` say of files in memory, for those that were given already.
    budget: MemoryBudget,
    log: Option<Log>,
    deadline: Option<Instant>,
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder").field("args", &self.args).finish_non_exhaustive()
    }
}

/// Whether two names of preopened directories are one, as programs see them.
fn same_guest_path(first: &str, second: &str) -> bool {
    let trimmed = |name: &str| match name.trim_end_matches('/') {
        "" if name.starts_with('/') => "/".to_owned(),
        trimmed => trimmed.to_owned(),
    };
    trimmed(first) == trimmed(second)
}

impl Default for WasiCtxBuilder {
    fn default() -> Self {
        Self::new()
    }
}

impl WasiCtxBuilder {
    /// A context of nothing: no arguments, environment or directories, an empty standard input,
    /// outputs that go nowhere, [`FixedClocks`], [`SeededRandom`].
    pub fn new() -> Self {
        let limits = WasiLimits::default();
        Self {
            args: Vec::new(),
            environ: Vec::new(),
            input: Input::Reader(Reader::new(io::empty())),
            output: Output::Writer(Box::new(io::sink())),
            error: Output::Writer(Box::new(io::sink())),
            directories: Vec::new(),
            sockets: Vec::new(),
            clocks: Box::new(FixedClocks::default()),
            random: Box::new(SeededRandom::new(0)),
            budget: MemoryBudget::new(limits.memory_file_bytes),
            limits,
            log: None,
            deadline: None,
        }
    }

    /// Adds an argument; the first is the program's name. A NUL byte in it ends it for guests that
    /// read C strings.
    pub fn arg(&mut self, arg: impl AsRef<str>) -> &mut Self {
        self.args.push(arg.as_ref().to_owned());
        self
    }

    /// Adds arguments.
    pub fn args(&mut self, args: &[impl AsRef<str>]) -> &mut Self {
        self.args.extend(args.iter().map(|arg| arg.as_ref().to_owned()));
        self
    }

    /// Adds the process's arguments. One that is not UTF-8 has its bad bytes replaced.
    pub fn inherit_args(&mut self) -> &mut Self {
        self.args.extend(std::env::args_os().map(|arg| arg.to_string_lossy().into_owned()));
        self
    }

    /// Adds a variable of the environment.
    pub fn env(&mut self, key: impl AsRef<str>, value: impl AsRef<str>) -> &mut Self {
        self.environ.push(format!("{}={}", key.as_ref(), value.as_ref()));
        self
    }

    /// Adds variables of the environment.
    pub fn envs(&mut self, variables: &[(impl AsRef<str>, impl AsRef<str>)]) -> &mut Self {
        for (key, value) in variables {
            self.env(key, value);
        }
        self
    }

    /// Adds the process's environment. What is not UTF-8 has its bad bytes replaced.
    pub fn inherit_env(&mut self) -> &mut Self {
        for (key, value) in std::env::vars_os() {
            self.env(key.to_string_lossy(), value.to_string_lossy());
        }
        self
    }

    /// What standard input reads from.
    ///
    /// That a read waits is only found out by reading. So where the guest's wait may end before the
    /// reader's does (the store or the context has a deadline, the guest polls or asks not to wait)
    /// a thread reads, once each time that the guest asks, and the guest waits for the thread. What
    /// was read when the guest had given up is there for its next read. When the context is dropped
    /// the thread ends with the read it is in. Slices of bytes, [`io::Cursor`]s of bytes and
    /// [`io::empty`] never wait and need none. For what has a descriptor of the host's there is
    /// [`stdin_fd`](Self::stdin_fd), which needs none either.
    pub fn stdin(&mut self, reader: impl Read + Send + 'static) -> &mut Self {
        self.input = Input::Reader(Reader::new(reader));
        self
    }

    /// What standard output writes to. It is flushed at the end of each call of the guest. That it
    /// waits can't be interrupted; of a pipe, given to [`stdout_fd`](Self::stdout_fd), it can.
    pub fn stdout(&mut self, writer: impl Write + Send + 'static) -> &mut Self {
        self.output = Output::Writer(Box::new(writer));
        self
    }

    /// What standard error writes to, as [`stdout`](Self::stdout).
    pub fn stderr(&mut self, writer: impl Write + Send + 'static) -> &mut Self {
        self.error = Output::Writer(Box::new(writer));
        self
    }

    /// What standard input reads from: a pipe, a socket, a file, a terminal of the host's. The
    /// guest can wait for it together with other things, and its waits can be interrupted.
    ///
    /// ```
    /// # fn main() -> std::io::Result<()> {
    /// let (reader, writer) = std::io::pipe()?;
    /// let context = brolga_wasi::WasiCtxBuilder::new().stdin_fd(reader).build();
    /// # drop((context, writer));
    /// # Ok(())
    /// # }
    /// ```
    pub fn stdin_fd(&mut self, descriptor: impl Into<OwnedFd>) -> &mut Self {
        self.input = Input::Owned(descriptor.into());
        self
    }

    /// What standard output writes to, as [`stdin_fd`](Self::stdin_fd).
    pub fn stdout_fd(&mut self, descriptor: impl Into<OwnedFd>) -> &mut Self {
        self.output = Output::Owned(descriptor.into());
        self
    }

    /// What standard error writes to, as [`stdin_fd`](Self::stdin_fd).
    pub fn stderr_fd(&mut self, descriptor: impl Into<OwnedFd>) -> &mut Self {
        self.error = Output::Owned(descriptor.into());
        self
    }

    /// Standard input is the process's.
    pub fn inherit_stdin(&mut self) -> &mut Self {
        self.input = Input::Host(io::stdin());
        self
    }

    /// Standard output is the process's.
    pub fn inherit_stdout(&mut self) -> &mut Self {
        self.output = Output::Stdout(io::stdout());
        self
    }

    /// Standard error is the process's.
    pub fn inherit_stderr(&mut self) -> &mut Self {
        self.error = Output::Stderr(io::stderr());
        self
    }

    /// All three standard streams are the process's.
    pub fn inherit_stdio(&mut self) -> &mut Self {
        self.inherit_stdin().inherit_stdout().inherit_stderr()
    }

    /// The guest sees all that the process sees of the host but directories and sockets: arguments,
    /// environment, standard streams, clocks, random bytes.
    pub fn inherit_host(&mut self) -> &mut Self {
        self.inherit_args().inherit_env().inherit_stdio().inherit_clocks().inherit_random()
    }

    /// The guest may use the host's directory `host`, and names it `guest`.
    ///
    /// # Errors
    /// If `host` can't be opened as a directory.
    pub fn preopened_dir(
        &mut self,
        host: impl AsRef<Path>,
        guest: impl AsRef<str>,
    ) -> Result<&mut Self> {
        self.preopen(host.as_ref(), guest.as_ref(), false)
    }

    /// The guest may look at the host's directory `host`, and names it `guest`. Whatever would
    /// change it fails with `rofs`.
    ///
    /// # Errors
    /// If `host` can't be opened as a directory.
    pub fn preopened_dir_read_only(
        &mut self,
        host: impl AsRef<Path>,
        guest: impl AsRef<str>,
    ) -> Result<&mut Self> {
        self.preopen(host.as_ref(), guest.as_ref(), true)
    }

    fn preopen(&mut self, host: &Path, guest: &str, read_only: bool) -> Result<&mut Self> {
        let fs = HostFs::open(host)
            .with_context(|| format!("can't open the directory `{}`", host.display()))?;
        self.mount(&fs, guest, read_only)
    }

    /// The guest may use the file system `fs`, and names its top directory `guest`.
    ///
    /// # Errors
    /// If the file system has no top directory to open.
    pub fn preopened_fs(&mut self, fs: impl Fs, guest: impl AsRef<str>) -> Result<&mut Self> {
        self.mount(&fs, guest.as_ref(), false)
    }

    /// The guest may look at the file system `fs`, and names its top directory `guest`. Whatever
    /// would change it fails with `rofs`, before the file system is asked.
    ///
    /// # Errors
    /// If the file system has no top directory to open.
    pub fn preopened_fs_read_only(
        &mut self,
        fs: impl Fs,
        guest: impl AsRef<str>,
    ) -> Result<&mut Self> {
        self.mount(&fs, guest.as_ref(), true)
    }

    fn mount(&mut self, fs: &dyn Fs, guest: &str, read_only: bool) -> Result<&mut Self> {
        let root = if read_only { fs.root() } else { fs.root_within(&self.budget) };
        let root = root
            .map_err(brolga::Error::new)
            .with_context(|| format!("can't open the top directory of `{guest}`"))?;
        let place = self.directories.iter().position(|(name, _)| same_guest_path(name, guest));
        let device = place.unwrap_or(self.directories.len()) as u64 + 1;
        let directory = GuestDirectory::new(root, read_only, device);
        match place {
            Some(place) => self.directories[place] = (guest.to_owned(), directory),
            None => self.directories.push((guest.to_owned(), directory)),
        }
        Ok(self)
    }

    /// The guest may accept connections of `listener`. Sockets have the numbers after those of the
    /// directories, which start at 3, in the order given.
    ///
    /// The guest never waits in accepting itself, so the listener becomes a non-blocking one, as
    /// clones of it that the embedder keeps are then; someone else who takes a connection first
    /// only makes the guest wait longer.
    pub fn preopened_listener(&mut self, listener: TcpListener) -> &mut Self {
        let object = Object::Listener(listener);
        self.sockets.push(Descriptor::new(object, Rights::LISTENER, Rights::STREAM));
        self
    }

    /// The guest may use the connection `stream`, numbered as
    /// [`preopened_listener`](Self::preopened_listener) says. Whether it waits is the guest's to
    /// say, whatever the flag of the host's socket.
    pub fn preopened_stream(&mut self, stream: TcpStream) -> &mut Self {
        self.sockets.push(Descriptor::new(Object::Stream(stream), Rights::STREAM, Rights::NONE));
        self
    }

    /// What the guest's clocks say, and how it sleeps.
    pub fn clocks(&mut self, clocks: impl Clocks + 'static) -> &mut Self {
        self.clocks = Box::new(clocks);
        self
    }

    /// The guest's clocks are the host's.
    pub fn inherit_clocks(&mut self) -> &mut Self {
        self.clocks(SystemClocks::new())
    }

    /// Where the guest's random bytes come from.
    pub fn random(&mut self, random: impl Random + 'static) -> &mut Self {
        self.random = Box::new(random);
        self
    }

    /// The guest's random bytes are the operating system's.
    pub fn inherit_random(&mut self) -> &mut Self {
        self.random(SystemRandom)
    }

    /// What the guest may make the host hold.
    pub fn limits(&mut self, limits: WasiLimits) -> &mut Self {
        self.budget.set_bytes_max(limits.memory_file_bytes);
        self.limits = limits;
        self
    }

    /// Logs calls, with their arguments and results, to `writer`: two lines a call, one when it
    /// begins and one with what came of it.
    ///
    /// ```
    /// use brolga_wasi::{LogScopes, WasiCtxBuilder};
    ///
    /// let context =
    ///     WasiCtxBuilder::new().log(LogScopes::CLOCK | LogScopes::POLL, std::io::stderr()).build();
    /// # drop(context);
    /// ```
    pub fn log(&mut self, scopes: LogScopes, writer: impl Write + Send + 'static) -> &mut Self {
        self.log = Some(Log::new(scopes, Box::new(writer)));
        self
    }

    /// When waits of the guest end; see [`WasiCtx::set_wait_deadline`].
    pub fn wait_deadline(&mut self, deadline: Instant) -> &mut Self {
        self.deadline = Some(deadline);
        self
    }

    /// The context. The builder is as new afterwards.
    pub fn build(&mut self) -> WasiCtx {
        let builder = std::mem::take(self);
        let mut descriptors = vec![
            Descriptor::input(builder.input),
            Descriptor::output(builder.output),
            Descriptor::output(builder.error),
        ];
        // C libraries look for directories from 3 on, and stop at the first number that is none.
        let preopen = |(name, directory)| Descriptor::preopen(directory, name);
        descriptors.extend(builder.directories.into_iter().map(preopen));
        descriptors.extend(builder.sockets);
        WasiCtx {
            args: builder.args,
            environ: builder.environ,
            descriptors: Descriptors::new(descriptors, builder.limits.descriptors),
            clocks: builder.clocks,
            random: builder.random,
            limits: builder.limits,
            log: builder.log,
            deadline: builder.deadline,
        }
    }
}
