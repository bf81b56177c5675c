//! Section clock: what time it is, and letting it pass.

use std::time::Duration;

use rustix::time::{ClockId, clock_getres, clock_gettime};

use crate::call::Call;
use crate::errno::Errno;

/// The clocks of the specification.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Clock {
    /// Time since 1970, as people have it; it may be set.
    Realtime,
    /// Time since some start; it only goes forward.
    Monotonic,
    /// Processor time of the process.
    ProcessCpu,
    /// Processor time of the thread.
    ThreadCpu,
}

impl Clock {
    pub(crate) fn from_number(number: u32) -> Result<Clock, Errno> {
        match number {
            0 => Ok(Clock::Realtime),
            1 => Ok(Clock::Monotonic),
            2 => Ok(Clock::ProcessCpu),
            3 => Ok(Clock::ThreadCpu),
            _ => Err(Errno::Inval),
        }
    }
}

/// Where a guest's time comes from.
pub trait Clocks: Send {
    /// What the clock says, in nanoseconds; `None` if there is no such clock.
    fn now(&mut self, clock: Clock) -> Option<u64>;

    /// The clock's smallest step, in nanoseconds; `None` if there is no such clock.
    fn resolution(&self, clock: Clock) -> Option<u64>;

    /// Lets `duration` pass.
    fn sleep(&mut self, duration: Duration);

    /// Lets `duration` pass, or less if something happens that the guest waits for on the host, or
    /// that ends its waiting. `ready` looks whether it did, for at most as long as it is told, and
    /// answers. Returns whether it happened.
    ///
    /// Clocks that let real time pass should do so by `ready(duration)` alone: only then can a
    /// deadline end the wait. Others sleep between two looks, as this one does by default.
    fn wait(&mut self, duration: Duration, ready: &mut dyn FnMut(Duration) -> bool) -> bool {
        if ready(Duration::ZERO) {
            return true;
        }
        self.sleep(duration);
        ready(Duration::ZERO)
    }

    /// Lets other threads run.
    fn yield_now(&mut self) {}
}

/// Clocks that start at the same moment for every guest, go on by a millisecond at each look, and
/// sleep by moving on. Nothing waits.
///
/// ```
/// use brolga_wasi::{Clock, Clocks, FixedClocks};
///
/// let mut clocks = FixedClocks::default();
/// let before = clocks.now(Clock::Monotonic).unwrap();
/// clocks.sleep(std::time::Duration::from_secs(60));
/// assert_eq!(clocks.now(Clock::Monotonic).unwrap() - before, 60_001_000_000);
/// ```
#[derive(Clone, Debug, Default)]
pub struct FixedClocks {
    elapsed: u64,
}

impl FixedClocks {
    /// The first moment: 2022-01-01 00:00 UTC.
    const START: u64 = 1_640_995_200_000_000_000;
    const STEP: u64 = 1_000_000;
}

impl Clocks for FixedClocks {
    fn now(&mut self, clock: Clock) -> Option<u64> {
        self.elapsed = self.elapsed.saturating_add(Self::STEP);
        match clock {
            Clock::Realtime => Some(Self::START.saturating_add(self.elapsed)),
            Clock::Monotonic | Clock::ProcessCpu | Clock::ThreadCpu => Some(self.elapsed),
        }
    }

    fn resolution(&self, _: Clock) -> Option<u64> {
        Some(Self::STEP)
    }

    fn sleep(&mut self, duration: Duration) {
        let nanoseconds = u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
        self.elapsed = self.elapsed.saturating_add(nanoseconds);
    }
}

/// The host's clocks. The monotonic one starts when this is made.
#[derive(Clone, Debug)]
pub struct SystemClocks {
    start: std::time::Instant,
}

impl SystemClocks {
    /// The host's clocks, from now on.
    pub fn new() -> Self {
        Self { start: std::time::Instant::now() }
    }
}

impl Default for SystemClocks {
    fn default() -> Self {
        Self::new()
    }
}

impl Clocks for SystemClocks {
    fn now(&mut self, clock: Clock) -> Option<u64> {
        match clock {
            // The host's uptime is none of the guest's business.
            Clock::Monotonic => u64::try_from(self.start.elapsed().as_nanos()).ok(),
            _ => nanoseconds(clock_gettime(host(clock))),
        }
    }

    fn resolution(&self, clock: Clock) -> Option<u64> {
        nanoseconds(clock_getres(host(clock)))
    }

    fn sleep(&mut self, duration: Duration) {
        std::thread::sleep(duration);
    }

    fn wait(&mut self, duration: Duration, ready: &mut dyn FnMut(Duration) -> bool) -> bool {
        ready(duration)
    }

    fn yield_now(&mut self) {
        std::thread::yield_now();
    }
}

fn host(clock: Clock) -> ClockId {
    match clock {
        Clock::Realtime => ClockId::Realtime,
        Clock::Monotonic => ClockId::Monotonic,
        Clock::ProcessCpu => ClockId::ProcessCPUTime,
        Clock::ThreadCpu => ClockId::ThreadCPUTime,
    }
}

fn nanoseconds(time: rustix::time::Timespec) -> Option<u64> {
    let seconds = u64::try_from(time.tv_sec).ok()?;
    let nanoseconds = u64::try_from(time.tv_nsec).ok()?;
    seconds.checked_mul(1_000_000_000)?.checked_add(nanoseconds)
}

impl Call<'_> {
    pub(crate) fn clock_res_get(&mut self, clock: u32, result: u32) -> Result<(), Errno> {
        let clock = Clock::from_number(clock)?;
        let resolution = self.context.clocks.resolution(clock).ok_or(Errno::Notsup)?;
        self.guest.write_u64(result, resolution)
    }

    /// The precision is what the guest would put up with; it gets the best there is.
    pub(crate) fn clock_time_get(
        &mut self,
        clock: u32,
        _precision: u64,
        result: u32,
    ) -> Result<(), Errno> {
        let clock = Clock::from_number(clock)?;
        let now = self.context.clocks.now(clock).ok_or(Errno::Notsup)?;
        self.guest.write_u64(result, now)
    }
}
