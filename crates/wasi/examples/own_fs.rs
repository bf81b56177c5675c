//! A file system of one's own: each of its files tells something of the host program, made up when
//! it is read. A guest lists them and prints them all.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use brolga::{Engine, Linker, Module, Result, Store};
use brolga_wasi::{
    Directory, Entries, Entry, Errno, File, Filestat, Filetype, Fs, Name, OpenFile, OutputBuffer,
    WasiCtx, WasiCtxBuilder,
};

/// The files: what they are called, and what they hold by now.
type Told = fn(&State) -> String;

const FILES: &[(&str, Told)] = &[
    ("greeting", |_| "hello from the host\n".to_owned()),
    ("reads", |state| format!("{} reads so far\n", state.reads.load(Ordering::Relaxed))),
];

#[derive(Default)]
struct State {
    reads: AtomicU64,
}

#[derive(Clone)]
struct Status(Arc<State>);

impl Fs for Status {
    fn root(&self) -> std::result::Result<Arc<dyn Directory>, Errno> {
        Ok(Arc::new(self.clone()))
    }
}

impl Status {
    /// The number of a file, which is its place among them, and what it holds.
    fn find(&self, name: Name<'_>) -> std::result::Result<(u64, Told), Errno> {
        let place = FILES.iter().position(|(file, _)| *file == name.as_str());
        let place = place.ok_or(Errno::Noent)?;
        Ok((place as u64 + 2, FILES[place].1))
    }
}

/// The directory has the number 1, its files those after it.
impl Directory for Status {
    fn filestat(&self) -> std::result::Result<Filestat, Errno> {
        Ok(Filestat { filetype: Filetype::Directory, inode: 1, links: 1, ..Filestat::default() })
    }

    fn filestat_at(&self, name: Name<'_>) -> std::result::Result<Filestat, Errno> {
        let (inode, told) = self.find(name)?;
        let size = told(&self.0).len() as u64;
        let filetype = Filetype::RegularFile;
        Ok(Filestat { filetype, inode, links: 1, size, ..Filestat::default() })
    }

    fn entries(&self) -> std::result::Result<Entries, Errno> {
        let entry = |(name, inode): (&(&str, Told), u64)| {
            Ok(Entry { name: name.0.to_owned(), inode, filetype: Filetype::RegularFile })
        };
        Ok(Box::new(FILES.iter().zip(2..).map(entry)))
    }

    fn open_directory(&self, name: Name<'_>) -> std::result::Result<Arc<dyn Directory>, Errno> {
        self.find(name)?;
        Err(Errno::Notdir)
    }

    fn open_file(
        &self,
        name: Name<'_>,
        how: OpenFile,
    ) -> std::result::Result<Box<dyn File>, Errno> {
        let (inode, told) = self.find(name)?;
        if how.changes() {
            return Err(Errno::Rofs);
        }
        Ok(Box::new(StatusFile { state: self.0.clone(), inode, contents: told(&self.0) }))
    }
}

/// A file as it was when it was opened.
struct StatusFile {
    state: Arc<State>,
    inode: u64,
    contents: String,
}

impl File for StatusFile {
    fn filestat(&self) -> std::result::Result<Filestat, Errno> {
        let (filetype, size) = (Filetype::RegularFile, self.contents.len() as u64);
        Ok(Filestat { filetype, inode: self.inode, links: 1, size, ..Filestat::default() })
    }

    fn read_at(&self, buffer: &mut [u8], offset: u64) -> std::result::Result<usize, Errno> {
        self.state.reads.fetch_add(1, Ordering::Relaxed);
        let rest = usize::try_from(offset).ok().and_then(|at| self.contents.as_bytes().get(at..));
        let rest = rest.unwrap_or_default();
        let count = rest.len().min(buffer.len());
        buffer[..count].copy_from_slice(&rest[..count]);
        Ok(count)
    }
}

/// A guest that prints each file of its first directory, twice around.
const GUEST: &str = r#"(module
    (import "wasi_snapshot_preview1" "path_open"
        (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
    (import "wasi_snapshot_preview1" "fd_readdir"
        (func $list (param i32 i32 i32 i64 i32) (result i32)))
    (memory (export "memory") 1)
    (data (i32.const 0) "\00\10\00\00\00\10\00\00") ;; a buffer of 4 KiB at 4096
    (func $print (param $name i32) (param $length i32)
        (drop (call $open (i32.const 3) (i32.const 0) (local.get $name) (local.get $length)
            (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 16)))
        (i32.store (i32.const 4) (i32.const 4096))
        (drop (call $read (i32.load (i32.const 16)) (i32.const 0) (i32.const 1) (i32.const 4)))
        (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 20))))
    (func (export "_start") (local $at i32)
        (drop (call $list
            (i32.const 3) (i32.const 256) (i32.const 1024) (i64.const 2) (i32.const 24)))
        (local.set $at (i32.const 256))
        (loop $next
            (call $print (i32.add (local.get $at) (i32.const 24))
                (i32.load offset=16 (local.get $at)))
            (local.set $at (i32.add (local.get $at)
                (i32.add (i32.const 24) (i32.load offset=16 (local.get $at)))))
            (br_if $next (i32.lt_u (local.get $at)
                (i32.add (i32.const 256) (i32.load (i32.const 24))))))))"#;

fn main() -> Result<()> {
    let engine = Engine::default();
    let module = Module::new(&engine, GUEST)?;
    let mut linker = Linker::new(&engine);
    brolga_wasi::add_to_linker(&mut linker, |context: &mut WasiCtx| context)?;
    let output = OutputBuffer::new(1024);
    let context = WasiCtxBuilder::new()
        .preopened_fs(Status(Arc::default()), "/status")?
        .stdout(output.clone())
        .build();
    let mut store = Store::new(&engine, context);
    let instance = linker.instantiate(&mut store, &module)?;
    let start = instance.get_typed_func::<(), ()>(&mut store, "_start")?;
    start.call(&mut store, ())?;
    start.call(&mut store, ())?;
    let output = String::from_utf8(output.contents())?;
    print!("{output}");
    assert_eq!(
        output,
        "hello from the host\n1 reads so far\nhello from the host\n3 reads so far\n"
    );
    Ok(())
}

#[test]
fn it_runs() {
    main().unwrap();
}
