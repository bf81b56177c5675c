//! Compiled modules in a folder, for engines of other processes and of tomorrow.
//!
//! ```text
//!  bytes ─▶ name: hash of the bytes, hash of all else that code depends on, length
//!    │        └▶ file there, whole, of this version and machine, of these very bytes? ─yes─▶ code
//!    └─no─▶ compile ─▶ a file beside it ─rename─▶ the file
//! ```
//!
//! Nothing here ever makes a compilation fail: a file that can't be read, is damaged or is of other
//! bytes is as good as none, and is replaced; one that can't be written is not there next time.
//!
//! **Invariants**
//! - The folder is its user's alone, so that what is in it is what this user's programs put there:
//!   see [`CacheError::NotPrivate`]. On this rests that code out of it may run.
//! - Its name may lead elsewhere later, if others can write to a folder that it is in. So each file
//!   is looked at too, when it is open: one that is not this user's alone is none.
//! - Files of other names than the cache's own are never touched.
//! - A file appears whole or not at all.
//! - The name is only where to look. Code is taken if the file holds the very bytes that it is
//!   wanted for, so that modules whose hashes are equal, by accident or on purpose, are kept apart.

use core::fmt;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, SystemTime};

use brolga_abi::ImageFile;
use brolga_runtime::LoadedCode;

use crate::serialize::load_cached;
use crate::{Context, Engine, Result};

/// Where a [`Cache`] is, and how much it may hold.
///
/// ```no_run
/// # use brolga::*;
/// # fn main() -> Result<()> {
/// let mut cache = CacheConfig::new();
/// cache.with_directory("/var/cache/my-program").with_files_total_size_soft_limit(64 << 20);
/// let engine = Engine::new(Config::new().cache(Some(Cache::new(cache)?)))?;
/// # Ok(())
/// # }
/// ```
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct CacheConfig {
    directory: Option<PathBuf>,
    size_max: u64,
    files_max: u64,
}

impl Default for CacheConfig {
    fn default() -> CacheConfig {
        CacheConfig { directory: None, size_max: 512 << 20, files_max: 65_536 }
    }
}

impl CacheConfig {
    /// The usual folder (`brolga` in `$XDG_CACHE_HOME`, or in `.cache` at home), 512 MiB, 65,536
    /// files.
    pub fn new() -> CacheConfig {
        CacheConfig::default()
    }

    /// The folder. It is made if it is not there; its parent must be.
    pub fn with_directory(&mut self, directory: impl Into<PathBuf>) -> &mut Self {
        self.directory = Some(directory.into());
        self
    }

    /// How many bytes its files may have together. When there are more, those that were not used
    /// for longest are removed.
    pub fn with_files_total_size_soft_limit(&mut self, bytes: u64) -> &mut Self {
        self.size_max = bytes;
        self
    }

    /// How many files there may be.
    pub fn with_file_count_soft_limit(&mut self, files: u64) -> &mut Self {
        self.files_max = files;
        self
    }
}

/// Why a folder is no good for a [`Cache`].
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CacheError {
    /// None was named, and the environment names none.
    #[error("no folder for the cache: neither XDG_CACHE_HOME nor HOME is set, nor was one given")]
    NoFolder,
    /// There is something else of that name.
    #[error("`{}` is no folder (links are not followed)", .path.display())]
    NotAFolder {
        /// The name.
        path: PathBuf,
    },
    /// Others can write to it: what they put there would be run.
    #[error("`{}` is not private: {why}", .path.display())]
    NotPrivate {
        /// The folder.
        path: PathBuf,
        /// Who can write to it.
        why: &'static str,
    },
}

/// Compiled modules in a folder: what [`Config::cache`](crate::Config::cache) takes. A clone is
/// the same cache; several engines, and several processes, may use one folder at once.
#[derive(Clone, Debug)]
pub struct Cache {
    inner: Arc<Inner>,
}

#[derive(Debug)]
struct Inner {
    directory: PathBuf,
    /// Whose process this is, and whose files are taken.
    user: u32,
    config: CacheConfig,
    hits: AtomicUsize,
    misses: AtomicUsize,
    failures: AtomicUsize,
}

/// Files that are being written end so.
const UNFINISHED: &str = ".part";
/// What is written to see whether, and as whom, one can.
const PROBE: &str = "probe";
/// Nobody writes for so long: whoever began is no more.
const ABANDONED: Duration = Duration::from_secs(3_600);
/// How much is left of what is too much, in tenths: so that not every new file has one removed.
const KEPT_TENTHS: u64 = 8;

impl Cache {
    /// A cache in the configured folder, which is made if need be.
    ///
    /// # Errors
    /// [`CacheError`] if the folder is not to be trusted; or if it can't be made or written to.
    pub fn new(config: CacheConfig) -> Result<Cache> {
        let directory = match &config.directory {
            Some(directory) => directory.clone(),
            None => usual_folder().ok_or(CacheError::NoFolder)?,
        };
        let failed = || format!("failed to open the cache in `{}`", directory.display());
        let directory = normal(&directory).with_context(failed)?;
        let user = check_private(&directory).with_context(failed)?;
        let (hits, misses, failures) = Default::default();
        Ok(Cache { inner: Arc::new(Inner { directory, user, config, hits, misses, failures }) })
    }

    /// The folder.
    pub fn directory(&self) -> &Path {
        &self.inner.directory
    }

    /// How many modules were found so far.
    pub fn cache_hits(&self) -> usize {
        self.inner.hits.load(Relaxed)
    }

    /// How many modules were not found so far.
    pub fn cache_misses(&self) -> usize {
        self.inner.misses.load(Relaxed)
    }

    /// How many modules could not be written so far. Nothing else is said of that: compiling them
    /// has succeeded.
    pub fn write_failures(&self) -> usize {
        self.inner.failures.load(Relaxed)
    }

    /// Where the compiled form of `bytes` is looked for, for an engine whose code depends on
    /// `engine`.
    pub(crate) fn entry(&self, bytes: &[u8], engine: impl Hash) -> Entry<'_> {
        // The hashes need not be the same tomorrow: what is not found is compiled.
        let hash = |value: &dyn Fn(&mut DefaultHasher)| {
            let mut hasher = DefaultHasher::new();
            value(&mut hasher);
            hasher.finish()
        };
        let content = hash(&|hasher| hasher.write(bytes));
        let engine = hash(&|hasher| engine.hash(hasher));
        let name = format!("{content:016x}-{engine:016x}-{:x}", bytes.len());
        Entry { cache: self, name }
    }

    /// Removes what is too much, oldest first, and what was never finished.
    fn sweep(&self) -> io::Result<()> {
        let now = SystemTime::now();
        let (mut files, mut size) = (Vec::new(), 0);
        for entry in fs::read_dir(&self.inner.directory)? {
            // Another process may be sweeping too: what is gone is gone.
            let entry = entry?;
            let Ok(metadata) = entry.metadata() else { continue };
            let Ok(used) = metadata.modified() else { continue };
            if !metadata.is_file() {
                continue;
            }
            let name = entry.file_name();
            let Some(name) = name.to_str().filter(|name| is_own_name(name)) else { continue };
            if name.ends_with(UNFINISHED) {
                if now.duration_since(used).is_ok_and(|age| age > ABANDONED) {
                    let _ = fs::remove_file(entry.path());
                }
                continue;
            }
            size += metadata.len();
            files.push((used, metadata.len(), entry.path()));
        }
        let CacheConfig { size_max, files_max, .. } = self.inner.config;
        let mut count = files.len() as u64;
        if size <= size_max && count <= files_max {
            return Ok(());
        }
        let kept = |max: u64| (u128::from(max) * u128::from(KEPT_TENTHS) / 10) as u64;
        files.sort_unstable();
        for (_, len, path) in files {
            if size <= kept(size_max) && count <= kept(files_max) {
                break;
            }
            if fs::remove_file(path).is_ok() {
                size -= len;
                count -= 1;
            }
        }
        Ok(())
    }
}

/// The code of a module that is found, or made by the last argument.
type FindOrCompile =
    fn(&Cache, &Engine, &[u8], &dyn Fn() -> Result<Arc<LoadedCode>>) -> Result<Arc<LoadedCode>>;

/// A cache as an engine has it, and the way into it. An engine that was given none does not know
/// the way, so that programs without a cache are without the code that reads and writes compiled
/// modules.
#[derive(Clone)]
pub(crate) struct CacheOfEngine {
    cache: Cache,
    find_or_compile: FindOrCompile,
}

impl CacheOfEngine {
    pub(crate) fn new(cache: Cache) -> CacheOfEngine {
        CacheOfEngine { cache, find_or_compile }
    }

    /// The code of the module `bytes` for `engine`: found, or made by `compile`.
    ///
    /// # Errors
    /// What `compile` fails with.
    pub(crate) fn find_or_compile(
        &self,
        engine: &Engine,
        bytes: &[u8],
        compile: &dyn Fn() -> Result<Arc<LoadedCode>>,
    ) -> Result<Arc<LoadedCode>> {
        (self.find_or_compile)(&self.cache, engine, bytes, compile)
    }
}

impl fmt::Debug for CacheOfEngine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cache.fmt(f)
    }
}

fn find_or_compile(
    cache: &Cache,
    engine: &Engine,
    bytes: &[u8],
    compile: &dyn Fn() -> Result<Arc<LoadedCode>>,
) -> Result<Arc<LoadedCode>> {
    let entry = cache.entry(bytes, engine.precompile_compatibility_hash());
    if let Some(code) = load_cached(engine, &entry, bytes) {
        return Ok(code);
    }
    let code = compile()?;
    entry.put(&ImageFile::write(&code.to_image(), &engine.config().options, &code.module));
    Ok(code)
}

/// A place in a [`Cache`].
pub(crate) struct Entry<'a> {
    cache: &'a Cache,
    name: String,
}

impl Entry<'_> {
    /// What is there, as `accept` makes it of the file's bytes.
    pub(crate) fn find<R>(&self, accept: impl FnOnce(&[u8]) -> Result<R>) -> Option<R> {
        let Inner { directory, user, hits, misses, .. } = &*self.cache.inner;
        let found = (|| -> Result<R> {
            let mut file = open_own(&directory.join(&self.name), *user)?;
            let mut bytes = Vec::new();
            file.read_to_end(&mut bytes)?;
            let found = accept(&bytes)?;
            // When it was used last. A system that does not note that forgets it earlier.
            let _ = file.set_modified(SystemTime::now());
            Ok(found)
        })();
        if found.is_ok() { hits } else { misses }.fetch_add(1, Relaxed);
        found.ok()
    }

    /// Puts `bytes` there.
    pub(crate) fn put(&self, bytes: &[u8]) {
        let put = self.try_put(bytes).and_then(|()| self.cache.sweep());
        if put.is_err() {
            self.cache.inner.failures.fetch_add(1, Relaxed);
        }
    }

    fn try_put(&self, bytes: &[u8]) -> io::Result<()> {
        let directory = &self.cache.inner.directory;
        let (unfinished, mut file) = new_file(directory, &self.name)?;
        let written = file
            .write_all(bytes)
            .and_then(|()| fs::rename(&unfinished, directory.join(&self.name)));
        if written.is_err() {
            let _ = fs::remove_file(unfinished);
        }
        written
    }
}

/// Whether the cache gives its files such names: two hashes and a length, and more while they are
/// being written. What else is in the folder is somebody's who took it for another.
fn is_own_name(name: &str) -> bool {
    let is_hex = |part: &&str| !part.is_empty() && part.bytes().all(|it| it.is_ascii_hexdigit());
    let is_entry = |name: &str| {
        let parts: Vec<&str> = name.split('-').filter(is_hex).collect();
        let lengths = parts.iter().map(|part| part.len()).sum::<usize>() + 2;
        matches!(*parts, [content, engine, _] if content.len() == 16 && engine.len() == 16)
            && lengths == name.len()
    };
    match name.strip_suffix(UNFINISHED) {
        Some(name) => name.split_once('.').is_some_and(|(it, _)| it == PROBE || is_entry(it)),
        None => is_entry(name),
    }
}

/// Opens a file that only `user` can have written.
fn open_own(path: &Path, user: u32) -> io::Result<File> {
    // First what can be opened without waiting: a pipe can't.
    if !fs::symlink_metadata(path)?.is_file() {
        return Err(io::ErrorKind::InvalidInput.into());
    }
    let file = File::open(path)?;
    let metadata = file.metadata()?;
    let is_own = metadata.is_file() && metadata.uid() == user && metadata.mode() & 0o022 == 0;
    if is_own { Ok(file) } else { Err(io::ErrorKind::PermissionDenied.into()) }
}

/// The folder's name, the same whatever the process's folder will be, and without a slash at its
/// end, behind which links are followed.
fn normal(directory: &Path) -> io::Result<PathBuf> {
    Ok(std::path::absolute(directory)?.components().collect())
}

/// A file that nobody else has, for its user only.
fn new_file(directory: &Path, name: &str) -> io::Result<(PathBuf, File)> {
    static NUMBER: AtomicU64 = AtomicU64::new(0);
    let number = NUMBER.fetch_add(1, Relaxed);
    let path = directory.join(format!("{name}.{}-{number}{UNFINISHED}", std::process::id()));
    let open = || OpenOptions::new().write(true).create_new(true).mode(0o600).open(&path);
    let file = match open() {
        // Left by a process that had the same number.
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
            fs::remove_file(&path)?;
            open()?
        }
        file => file?,
    };
    Ok((path, file))
}

fn usual_folder() -> Option<PathBuf> {
    let absolute =
        |name: &str| std::env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
    let parent = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")))?;
    Some(parent.join("brolga"))
}

/// Makes the folder if it is not there, and looks at who can write to it. Returns who we are.
fn check_private(directory: &Path) -> Result<u32> {
    match DirBuilder::new().mode(0o700).create(directory) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(error.into()),
        _ => {}
    }
    let metadata = fs::symlink_metadata(directory)?;
    let path = || directory.to_path_buf();
    if !metadata.is_dir() {
        return Err(CacheError::NotAFolder { path: path() }.into());
    }
    if metadata.mode() & 0o022 != 0 {
        let why = "its group or everybody can write to it";
        return Err(CacheError::NotPrivate { path: path(), why }.into());
    }
    // Whose files we make is who we are.
    let (probe, file) = new_file(directory, PROBE)?;
    let us = file.metadata().map(|it| it.uid());
    fs::remove_file(probe)?;
    let us = us?;
    if us != metadata.uid() {
        return Err(CacheError::NotPrivate { path: path(), why: "it is another user's" }.into());
    }
    Ok(us)
}
