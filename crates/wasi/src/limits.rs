//! What a guest may make the host hold, in one struct.

/// Bounds on what one [`WasiCtx`](crate::WasiCtx) holds and on what one call may ask for.
///
/// What is read and written goes to and from the guest's memory in place: a call makes the host
/// allocate [`call_bytes`](Self::call_bytes) by the guest's numbers, and buffers of a fixed size
/// besides, 64 KiB at most.
///
/// ```
/// let limits = brolga_wasi::WasiLimits { descriptors: 16, ..Default::default() };
/// let context = brolga_wasi::WasiCtxBuilder::new().limits(limits).build();
/// # drop(context);
/// ```
#[derive(Clone, Debug)]
pub struct WasiLimits {
    /// Descriptors open at a time, the standard streams and preopened directories included. Beyond
    /// it opening fails with `mfile`. A directory of the host's that is being listed takes two of
    /// the process's descriptors, one of an overlay takes those of the directories it is in: a
    /// process with few of them should set fewer here.
    pub descriptors: usize,
    /// Bytes that the host allocates for one call by what the guest asks for: its lists of buffers
    /// and of subscriptions, its paths. Beyond it `nomem`. The default has room for the longest
    /// lists and paths that the other defaults allow.
    pub call_bytes: usize,
    /// Bytes of a path. Beyond it `nametoolong`.
    pub path_bytes: usize,
    /// Buffers of one scattered read or write. Beyond it `inval`.
    pub buffers: usize,
    /// Subscriptions of one `poll_oneoff`. Beyond it `inval`.
    pub subscriptions: usize,
    /// Bytes of one `random_get`. Beyond it `inval`.
    pub random_bytes: usize,
    /// Entries of one directory that are read, `.` and `..` among them. If it has more, reading
    /// beyond these fails with `overflow`.
    pub directory_entries: u64,
    /// Bytes that the file systems in memory which the guest can change hold together, as
    /// [`MemoryLimits::bytes`](crate::MemoryLimits::bytes) counts them, whoever put them there.
    /// Beyond it a write of this guest is short, then `nospc`.
    ///
    /// Each [`MemoryFs`](crate::MemoryFs) has a quota of its own besides, and the stricter of the
    /// two holds: where several contexts share one, each adds to it as far as its own limit goes,
    /// and all together as far as the quota does. Reading and removing are always possible.
    pub memory_file_bytes: u64,
}

impl Default for WasiLimits {
    fn default() -> Self {
        Self {
            descriptors: 1024,
            call_bytes: 1 << 20,
            path_bytes: 4096,
            buffers: 1024,
            subscriptions: 2048,
            random_bytes: 64 << 20,
            directory_entries: 1 << 20,
            memory_file_bytes: 64 << 20,
        }
    }
}
