//! Quantities as the command line takes them: times such as `300ms`, sizes such as `64M`.

use std::time::Duration;

/// A time: a number with `ms`, `s`, `m` or `h`. More than zero.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    let expected = || "expected a number with a unit, such as 300ms, 1.5s, 2m, 1h".to_owned();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let seconds = match unit {
        "ms" => 0.001,
        "s" => 1.0,
        "m" => 60.0,
        "h" => 3600.0,
        _ => return Err(expected()),
    };
    let number: f64 = number.parse().map_err(|_| expected())?;
    let duration = Duration::try_from_secs_f64(number * seconds).map_err(|_| expected())?;
    if duration.is_zero() { Err("expected more than nothing".to_owned()) } else { Ok(duration) }
}

/// A number of bytes: a number alone, or with `K`, `M`, `G` or `T` for powers of 1024. `KiB` and
/// `KB` mean the same.
pub(crate) fn size(text: &str) -> Result<u64, String> {
    let expected = || "expected a number of bytes, such as 65536, 64K, 1.5G".to_owned();
    let unit = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let number = &text[..text.len() - unit.len()];
    let unit = unit.to_ascii_uppercase();
    let unit = unit.strip_suffix("IB").or_else(|| unit.strip_suffix('B')).unwrap_or(&unit);
    let factor: u64 = match unit {
        "" => 1,
        "K" => 1 << 10,
        "M" => 1 << 20,
        "G" => 1 << 30,
        "T" => 1 << 40,
        _ => return Err(expected()),
    };
    if let Ok(whole) = number.parse::<u64>() {
        return whole.checked_mul(factor).ok_or_else(|| "that is too much".to_owned());
    }
    let number: f64 = number.parse().map_err(|_| expected())?;
    // Fractions are of a large unit: a float is exact enough.
    Ok((number * factor as f64) as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_have_units() {
        assert_eq!(duration("300ms"), Ok(Duration::from_millis(300)));
        assert_eq!(duration("1.5s"), Ok(Duration::from_millis(1500)));
        assert_eq!(duration("2m"), Ok(Duration::from_secs(120)));
        assert_eq!(duration("1h"), Ok(Duration::from_secs(3600)));
        for text in ["", "3", "s", "-1s", "1d", "1 s", "1.2.3s", "0s", "99999999999999999999999h"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_are_bytes_or_have_units() {
        assert_eq!(size("65536"), Ok(65536));
        assert_eq!(size("64K"), Ok(65536));
        assert_eq!(size("64KiB"), Ok(65536));
        assert_eq!(size("64kb"), Ok(65536));
        assert_eq!(size("1.5M"), Ok(1_572_864));
        assert_eq!(size("2G"), Ok(2 << 30));
        assert_eq!(size("0"), Ok(0));
        for text in ["", "K", "-1", "1X", "1.2.3", "99999999999T", "1 K"] {
            assert!(size(text).is_err(), "{text}");
        }
    }
}
