// Decimal numbers to floating point, to the nearest one, and to the even one of two that are as near. The standard
// library's parseFloat is wrong by orders of magnitude for some large numbers.

/** Digits beyond these only tell whether there is more. */
const DIGITS: i32 = 800;

/** A large number, in limbs of 32 bits, the lowest one first. What 800 digits and the smallest exponent need is 204. */
const limbs: StaticArray<u32> = new StaticArray<u32>(256);
let length: i32 = 0;

// Powers of ten that floating point has exactly.
const exact: StaticArray<f64> = [1, 1e1, 1e2, 1e3, 1e4, 1e5, 1e6, 1e7, 1e8, 1e9, 1e10, 1e11, 1e12, 1e13, 1e14, 1e15, 1e16, 1e17, 1e18,
  1e19, 1e20, 1e21, 1e22];

/** The f64 or f32 of a number that is checked, and stands there; infinity where it is too large. */
export function decimal<T extends number>(at: usize, end: usize): T {
  const negative = load<u8>(at) == 0x2d;
  at += <usize>negative;
  const size = magnitude<T>(at, end);
  return negative ? -size : size;
}

function magnitude<T extends number>(at: usize, end: usize): T {
  length = 0;
  let small: u64 = 0;
  let digits = 0;
  let exponent: i64 = 0;
  let point = false;
  let more = false;
  for (; at < end; at++) {
    const byte = load<u8>(at);
    if (byte == 0x2e) {
      point = true;
      continue;
    }
    if ((byte | 0x20) == 0x65) break;
    const digit = <u32>byte - 0x30;
    if (digits == 0 && digit == 0) {
      exponent -= <i64>point;
      continue;
    }
    if (digits == DIGITS) {
      more = more || digit != 0;
      exponent += <i64>!point;
      continue;
    }
    digits++;
    exponent -= <i64>point;
    if (digits < 20) small = small * 10 + digit;
    if (digits == 20) {
      limbs[0] = <u32>small;
      limbs[1] = <u32>(small >> 32);
      length = 2;
    }
    if (digits >= 20) multiply(10, digit);
  }
  if (at < end) exponent += power(at + 1, end);
  if (digits == 0) return <T>0;
  if (exponent + digits > 320) return <T>Infinity;
  if (exponent + digits < -350) return <T>0;
  if (sizeof<T>() == 8 && digits < 20 && small <= 1 << 53 && exponent >= -22 && exponent <= 22) {
    return <T>(exponent < 0 ? <f64>small / exact[<i32>-exponent] : <f64>small * exact[<i32>exponent]);
  }
  if (length == 0) {
    limbs[0] = <u32>small;
    limbs[1] = <u32>(small >> 32);
    length = 2;
  }
  for (; exponent >= 9; exponent -= 9) multiply(1_000_000_000, 0);
  for (; exponent > 0; exponent--) multiply(10, 0);
  let shift = 0;
  if (exponent < 0) {
    // So many words that 64 bits are left behind the division: 10 has less than 3.4 bits.
    const words = <i32>((64 - exponent * 34 / 10) / 32 + 2);
    for (let i = length - 1; i >= 0; i--) limbs[i + words] = limbs[i];
    for (let i = 0; i < words; i++) limbs[i] = 0;
    length += words;
    shift = 32 * words;
    for (; exponent <= -9; exponent += 9) more = divide(1_000_000_000) || more;
    for (; exponent < 0; exponent++) more = divide(10) || more;
  }
  return rounded<T>(shift, more);
}

/** The exponent that is written there, as far as it matters. */
function power(at: usize, end: usize): i64 {
  const sign = load<u8>(at);
  at += <usize>(sign == 0x2b || sign == 0x2d);
  let size: i64 = 0;
  for (; at < end; at++) if (size < 1_000_000_000_000) size = size * 10 + <i64>(load<u8>(at) - 0x30);
  return sign == 0x2d ? -size : size;
}

function multiply(by: u32, plus: u32): void {
  let carry: u64 = plus;
  for (let i = 0; i < length; i++) {
    carry += <u64>limbs[i] * by;
    limbs[i] = <u32>carry;
    carry >>= 32;
  }
  if (carry) limbs[length++] = <u32>carry;
}

/** Divides, and gives whether there is a rest. */
function divide(by: u32): bool {
  let rest: u64 = 0;
  for (let i = length - 1; i >= 0; i--) {
    const part = (rest << 32) | limbs[i];
    limbs[i] = <u32>(part / by);
    rest = part % by;
  }
  return rest != 0;
}

/** The large number divided by that power of two, with something behind it or not. */
function rounded<T extends number>(shift: i32, more: bool): T {
  while (limbs[length - 1] == 0) length--;
  // The highest 64 bits, and whether there is something behind them.
  const zeros = <i32>clz(limbs[length - 1]);
  let high: u64 = 0;
  for (let i = 0; i < 3; i++) {
    const limb: u64 = length - 1 - i >= 0 ? limbs[length - 1 - i] : 0;
    if (i < 2) high |= limb << (32 * (1 - i));
    else {
      high = zeros == 0 ? high : (high << zeros) | (limb >> (32 - zeros));
      more = more || (limb & ((<u64>1 << (32 - zeros)) - 1)) != 0;
    }
  }
  for (let i = length - 4; i >= 0 && !more; i--) more = limbs[i] != 0;
  let exponent = 32 * length - zeros - 1 - shift;

  const fraction: i32 = sizeof<T>() == 8 ? 52 : 23;
  const least: i32 = sizeof<T>() == 8 ? -1022 : -126;
  if (exponent > -least + 1) return <T>Infinity;
  // Below the least exponent there are fewer bits.
  const fewer = max(0, least - exponent);
  if (fewer > fraction + 1) return <T>0;
  const drop = 63 - fraction + fewer;
  const half: u64 = 1 << (<u64>drop - 1);
  let bits = drop == 64 ? 0 : high >> drop;
  const rest = drop == 64 ? high : high & ((<u64>1 << drop) - 1);
  if (rest > half || (rest == half && (more || (bits & 1) != 0))) bits++;
  // The highest bit of what is not small counts as one of the exponent.
  if (fewer == 0) bits += <u64>(exponent - least) << fraction;
  return sizeof<T>() == 8 ? <T>reinterpret<f64>(bits) : <T>reinterpret<f32>(<u32>bits);
}
