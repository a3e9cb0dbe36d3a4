use std::io::Write;
use std::process::{Command, Stdio};

use super::decompress;
use crate::fits::source::BytesSource;

/// A plain `compress`: enough of the utility to test the decoder, block mode included.
fn compress(data: &[u8], max_bits: u32, clear_every: usize) -> Vec<u8> {
    let mut out = vec![0x1f, 0x9d, 0x80 | max_bits as u8];
    let mut group: Vec<u32> = Vec::new();
    let mut width = 9;
    let flush = |group: &mut Vec<u32>, width: u32, out: &mut Vec<u8>, whole: bool| {
        let mut bits = vec![0_u8; group.len() * width as usize];
        for (at, code) in group.iter().enumerate() {
            for bit in 0..width as usize {
                bits[at * width as usize + bit] = (code >> bit & 1) as u8;
            }
        }
        let mut bytes: Vec<u8> = bits
            .chunks(8)
            .map(|bits| bits.iter().enumerate().fold(0, |byte, (at, bit)| byte | bit << at))
            .collect();
        if whole {
            let length = group.len().div_ceil(8) * width as usize;
            bytes.resize(length, 0);
        }
        out.extend(bytes);
        group.clear();
    };
    let mut table = std::collections::HashMap::new();
    let mut free = 257_u32;
    let mut prefix: Option<u32> = None;
    for (n, byte) in data.iter().enumerate() {
        let Some(code) = prefix else {
            prefix = Some((*byte).into());
            continue;
        };
        if let Some(known) = table.get(&(code, *byte)) {
            prefix = Some(*known);
            continue;
        }
        group.push(code);
        if free < 1 << max_bits {
            table.insert((code, *byte), free);
            free += 1;
        }
        // The decoder is one entry behind: it widens when its own next entry does not fit.
        if free > 1 << width && width < max_bits {
            flush(&mut group, width, &mut out, true);
            width += 1;
        }
        prefix = Some((*byte).into());
        if n % clear_every == clear_every - 1 {
            group.push(code_of(prefix));
            prefix = None;
            // The pending byte was written as its own code; the table starts anew.
            if free + 1 > 1 << width && width < max_bits {
                flush(&mut group, width, &mut out, true);
                width += 1;
            }
            group.push(256);
            flush(&mut group, width, &mut out, true);
            table.clear();
            (free, width) = (257, 9);
        }
    }
    if let Some(code) = prefix {
        group.push(code);
    }
    flush(&mut group, width, &mut out, false);
    out
}

fn code_of(prefix: Option<u32>) -> u32 {
    prefix.unwrap_or(0)
}

fn sample(n: usize) -> Vec<u8> {
    let mut state = 12_345_u32;
    (0..n)
        .map(|at| {
            state = state.wrapping_mul(1_103_515_245).wrapping_add(12_345);
            if at % 97 < 60 {
                (at / 97 % 7) as u8
            } else {
                (state >> 16) as u8 % 40
            }
        })
        .collect()
}

fn unpack(packed: &[u8]) -> Result<Vec<u8>, crate::fits::FitsError> {
    decompress(&BytesSource::new(packed), "x.fits.Z".as_ref(), packed[2], 1 << 30)
}

#[test]
fn what_compress_packs_is_unpacked_for_all_widths_and_clears() {
    let data = sample(400_000);
    for (max_bits, clear_every) in [
        (16, usize::MAX),
        (16, 100_003),
        (12, usize::MAX),
        (12, 50_021),
        (10, 7001),
    ] {
        let packed = compress(&data, max_bits, clear_every);
        assert!(packed.len() < data.len());
        assert_eq!(
            unpack(&packed).unwrap(),
            data,
            "{max_bits} bits, cleared every {clear_every}"
        );
    }
}

#[test]
fn gzip_agrees_about_the_stream() {
    let data = sample(100_000);
    let packed = compress(&data, 16, 30_011);
    let child = Command::new("gzip")
        .arg("-dc")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn();
    let Ok(mut child) = child else {
        println!("skipped: no gzip");
        return;
    };
    let mut stdin = child.stdin.take().unwrap();
    let feeder = std::thread::spawn(move || stdin.write_all(&packed));
    assert_eq!(child.wait_with_output().unwrap().stdout, data);
    feeder.join().unwrap().unwrap();
}

#[test]
fn an_undefined_code_is_an_error_and_not_a_panic() {
    for bytes in [
        &[0x1f, 0x9d, 0x90, 0xff, 0xff, 0xff][..],
        &[0x1f, 0x9d, 0x1f][..],
        &[0x1f, 0x9d, 0x90, 65, 0xfe, 0xff],
    ] {
        assert!(unpack(bytes).is_err(), "{bytes:?}");
    }
    assert_eq!(unpack(&[0x1f, 0x9d, 0x90]).unwrap(), b"");
}

#[test]
fn the_leading_part_of_a_cut_file_is_unpacked_as_far_as_it_goes() {
    let data: Vec<u8> = (0..20_000_u32).map(|n| (n * n % 251) as u8).collect();
    let whole = compress(&data, 16, usize::MAX);
    let part = super::super::unpack_leading(&whole[..whole.len() / 2]).into_owned();
    assert!(part.len() > 1000 && part.len() < data.len());
    assert!(part == data[..part.len()]);
}
