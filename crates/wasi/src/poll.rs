//! Section poll: waiting for time to pass or for descriptors.
//!
//! Subscriptions are read, each is looked at, and only if none has anything to say yet is waited:
//! on the host's descriptors and until the earliest time. Files and an embedder's writers are
//! always ready; that its reader is, is found out by having it read.

use std::os::fd::{AsFd, BorrowedFd};
use std::time::Duration;

use rustix::event::{PollFd, PollFlags};

use crate::call::{Call, Snapshot};
use crate::clock::{Clock, Clocks};
use crate::descriptor::{Descriptor, Descriptors, Object};
use crate::errno::Errno;
use crate::guest::{Guest, Record};
use crate::log;
use crate::rights::Rights;
use crate::wait::Waits;

const EVENT_BYTES: u32 = 32;
/// What the host holds for each subscription: itself, its time or its descriptor, its event.
const SUBSCRIPTION_BYTES: usize = size_of::<Subscription>()
    + size_of::<(&Subscription, Duration)>()
    + size_of::<PollFd<'_>>()
    + size_of::<Event>();
/// The event's flag for the other side having gone.
const HANGUP: u16 = 1;

/// The kinds of event; the numbers are the specification's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
enum Kind {
    Clock = 0,
    Read = 1,
    Write = 2,
}

/// One thing the guest waits for.
#[derive(Clone, Copy, Debug)]
struct Subscription {
    userdata: u64,
    kind: Kind,
    /// Of the clock or of the descriptor.
    number: u32,
    timeout: u64,
    absolute: bool,
}

/// What came of it.
#[derive(Clone, Copy, Debug)]
struct Event {
    userdata: u64,
    outcome: Result<(), Errno>,
    kind: Kind,
    bytes: u64,
    flags: u16,
}

/// What a look at a subscription says.
enum Look<'a> {
    /// The event is here.
    Now(Event),
    /// It comes when this time has passed.
    After(Duration),
    /// It comes when the host says so.
    When(BorrowedFd<'a>, PollFlags),
}

impl Subscription {
    /// How many bytes one takes.
    fn bytes(snapshot: Snapshot) -> u32 {
        match snapshot {
            Snapshot::Draft => 56,
            Snapshot::Preview1 => 48,
        }
    }

    /// Reads the one at `address`: userdata at 0, kind at 8, then from 16 a descriptor, or a clock,
    /// its time 8 bytes on and its flags another 16. The draft has 8 bytes of userdata of its own
    /// before a clock.
    fn read(guest: &Guest<'_>, address: u32, snapshot: Snapshot) -> Result<Self, Errno> {
        guest.slice(address, Self::bytes(snapshot))?;
        let [kind] = guest.array(address + 8)?;
        let kind = match kind {
            0 => Kind::Clock,
            1 => Kind::Read,
            2 => Kind::Write,
            _ => return Err(Errno::Inval),
        };
        let rest = match (snapshot, kind) {
            (Snapshot::Draft, Kind::Clock) => address + 24,
            _ => address + 16,
        };
        // Only a clock has more than a number.
        let (timeout, [flags]) = match kind {
            Kind::Clock => (guest.array(rest + 8)?, guest.array(rest + 24)?),
            Kind::Read | Kind::Write => Default::default(),
        };
        Ok(Self {
            userdata: u64::from_le_bytes(guest.array(address)?),
            kind,
            number: u32::from_le_bytes(guest.array(rest)?),
            timeout: u64::from_le_bytes(timeout),
            absolute: flags & 1 != 0,
        })
    }

    fn event(&self, outcome: Result<(), Errno>, bytes: u64, flags: u16) -> Event {
        Event { userdata: self.userdata, outcome, kind: self.kind, bytes, flags }
    }

    /// Has a standard input that is the embedder's reader be read, so that there is something to
    /// wait on. What is wrong with the descriptor, a look will tell.
    fn begin(&self, descriptors: &mut Descriptors) {
        if self.kind == Kind::Read
            && let Ok(descriptor) = descriptors.get_mut(self.number)
            && descriptor.rights.contains(Rights::POLL_FD_READWRITE)
            && let Object::Input(input) = &mut descriptor.object
        {
            input.begin();
        }
    }

    /// `elapsed`: how long this call has waited already.
    fn look<'a>(
        &self,
        descriptors: &'a Descriptors,
        clocks: &mut dyn Clocks,
        elapsed: Duration,
    ) -> Look<'a> {
        let look = match self.kind {
            Kind::Clock => self.look_at_clock(clocks, elapsed).map(Look::After),
            Kind::Read | Kind::Write => self.look_at_descriptor(descriptors),
        };
        look.unwrap_or_else(|errno| Look::Now(self.event(Err(errno), 0, 0)))
    }

    fn look_at_clock(&self, clocks: &mut dyn Clocks, elapsed: Duration) -> Result<Duration, Errno> {
        let clock = Clock::from_number(self.number)?;
        // Processor time does not pass while waiting.
        if matches!(clock, Clock::ProcessCpu | Clock::ThreadCpu) {
            return Err(Errno::Notsup);
        }
        if !self.absolute {
            return Ok(Duration::from_nanos(self.timeout).saturating_sub(elapsed));
        }
        let now = clocks.now(clock).ok_or(Errno::Notsup)?;
        Ok(Duration::from_nanos(self.timeout.saturating_sub(now)))
    }

    fn look_at_descriptor<'a>(&self, descriptors: &'a Descriptors) -> Result<Look<'a>, Errno> {
        let descriptor: &Descriptor = descriptors.get(self.number)?;
        descriptor.require(Rights::POLL_FD_READWRITE)?;
        let reads = self.kind == Kind::Read;
        let flags = if reads { PollFlags::IN } else { PollFlags::OUT };
        Ok(match &descriptor.object {
            Object::File(file) => match file.host() {
                Some(host) => Look::When(host, flags),
                None => {
                    let bytes = if reads { file.remaining()? } else { 0 };
                    Look::Now(self.event(Ok(()), bytes, 0))
                }
            },
            Object::Input(input) if reads => match input.host() {
                Some(host) => Look::When(host, flags),
                None => Look::Now(self.event(Ok(()), 1, 0)),
            },
            Object::Output(output) if !reads => match output.host() {
                Some(host) => Look::When(host, flags),
                None => Look::Now(self.event(Ok(()), 1, 0)),
            },
            Object::Listener(listener) if reads => Look::When(listener.as_fd(), flags),
            Object::Stream(stream) => Look::When(stream.as_fd(), flags),
            _ => return Err(Errno::Badf),
        })
    }
}

/// The subscriptions at `address`, at most `count_max` of them, for the log.
pub(crate) fn describe(
    guest: &Guest<'_>,
    address: u32,
    count: u32,
    count_max: u32,
    snapshot: Snapshot,
) -> String {
    let bytes = Subscription::bytes(snapshot);
    let one = |index| {
        let address = Guest::element(address, index, bytes)?;
        let it = Subscription::read(guest, address, snapshot)?;
        let after = if it.absolute { "until" } else { "for" };
        Ok(match it.kind {
            Kind::Clock => format!("{} {after} {}", log::clock(it.number), it.timeout),
            Kind::Read => format!("read fd={}", it.number),
            Kind::Write => format!("write fd={}", it.number),
        })
    };
    let shown: Result<Vec<_>, Errno> = (0..count.min(count_max)).map(one).collect();
    let more = if count > count_max { ", …" } else { "" };
    match shown {
        Ok(shown) => format!("[{}{more}]", shown.join(", ")),
        Err(_) => format!("{address:#x}*{count}"),
    }
}

impl Event {
    fn record(&self) -> Record<32> {
        let errno = self.outcome.err().map_or(0, Errno::number);
        Record::new()
            .set(0, self.userdata.to_le_bytes())
            .set(8, errno.to_le_bytes())
            .set(10, [self.kind as u8])
            .set(16, self.bytes.to_le_bytes())
            .set(24, self.flags.to_le_bytes())
    }
}

impl Call<'_> {
    pub(crate) fn poll_oneoff(
        &mut self,
        subscriptions: u32,
        events: u32,
        count: u32,
        result: u32,
    ) -> Result<(), Errno> {
        if count == 0 || count as usize > self.context.limits.subscriptions {
            return Err(Errno::Inval);
        }
        self.charge(count, SUBSCRIPTION_BYTES)?;
        let mut wanted = Vec::with_capacity(count as usize);
        for index in 0..count {
            let bytes = Subscription::bytes(self.snapshot);
            let address = Guest::element(subscriptions, index, bytes)?;
            wanted.push(Subscription::read(&self.guest, address, self.snapshot)?);
        }
        // The addresses first: what was waited for in vain can't be waited for again.
        self.guest.slice(events, Guest::element(0, count, EVENT_BYTES)?)?;
        self.guest.slice(result, 4)?;
        let context = &mut *self.context;
        for subscription in &wanted {
            subscription.begin(&mut context.descriptors);
        }
        let happened = wait(&wanted, &context.descriptors, &mut *context.clocks, self.waits)?;
        for (index, event) in (0..count).zip(&happened) {
            let address = Guest::element(events, index, EVENT_BYTES)?;
            self.guest.write(address, event.record().bytes())?;
        }
        self.guest.write_u32(result, u32::try_from(happened.len())?)
    }
}

/// Waits until at least one of `wanted` has an event, and returns all there are then.
///
/// # Errors
/// `intr` if the wait was given up; what the host says if it can't wait.
fn wait(
    wanted: &[Subscription],
    descriptors: &Descriptors,
    clocks: &mut dyn Clocks,
    waits: &mut Waits,
) -> Result<Vec<Event>, Errno> {
    let mut events = Vec::new();
    let mut timers = Vec::new();
    let mut hosts = Vec::new();
    let mut polled = Vec::new();
    for subscription in wanted {
        match subscription.look(descriptors, clocks, waits.elapsed) {
            Look::Now(event) => events.push(event),
            Look::After(duration) => timers.push((subscription, duration)),
            Look::When(host, flags) => {
                hosts.push(subscription);
                polled.push(PollFd::from_borrowed_fd(host, flags));
            }
        }
    }
    let earliest = timers.iter().map(|(_, duration)| *duration).min();
    let timeout = if events.is_empty() { earliest } else { Some(Duration::ZERO) };
    let was_ready = match timeout {
        None => waits.poll(&mut polled, None),
        Some(timeout) if !timeout.is_zero() => {
            clocks.wait(timeout, &mut |duration| waits.poll(&mut polled, Some(duration)))
        }
        Some(_) => !polled.is_empty() && waits.poll(&mut polled, Some(Duration::ZERO)),
    };
    if waits.is_over {
        return Err(Errno::Intr);
    }
    if let Some(errno) = waits.failure.take() {
        return Err(errno);
    }
    // A timer that is due together with a descriptor is reported by the next call.
    let passed = if was_ready { Duration::ZERO } else { timeout.unwrap_or_default() };
    for (subscription, duration) in timers {
        if duration <= passed {
            events.push(subscription.event(Ok(()), 0, 0));
        }
    }
    for (subscription, host) in hosts.iter().zip(&polled) {
        events.extend(host_event(subscription, host));
    }
    Ok(events)
}

fn host_event(subscription: &Subscription, host: &PollFd<'_>) -> Option<Event> {
    let found = host.revents();
    if found.is_empty() {
        return None;
    }
    let flags = if found.contains(PollFlags::HUP) { HANGUP } else { 0 };
    let bytes = match subscription.kind {
        // A listener has connections, not bytes; one is there.
        Kind::Read => rustix::io::ioctl_fionread(host).unwrap_or(1),
        _ => 1,
    };
    Some(subscription.event(Ok(()), bytes, flags))
}
