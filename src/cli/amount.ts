const units = ['B', 'KiB', 'MiB', 'GiB', 'TiB'] as const;

/** Bytes for people: `12.3 MiB`. */
export function sizeOf(bytes: number): string {
  let amount = bytes;
  let unit = 0;
  // What would be rounded to 1024 is one of the next unit.
  for (; amount >= 1023.95 && unit < units.length - 1; unit++) amount /= 1024;
  return `${unit === 0 ? Math.round(amount) : amount.toFixed(1)} ${units[unit]}`;
}

/** Milliseconds for people: `4 s`, `2:05`, `1:02:05`. */
export function timeOf(milliseconds: number): string {
  const seconds = Math.ceil(milliseconds / 1000);
  if (seconds < 60) return `${seconds} s`;
  const [hours, minutes] = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60];
  const rest = two(seconds % 60);
  return hours > 0 ? `${hours}:${two(minutes)}:${rest}` : `${minutes}:${rest}`;
}

function two(number: number): string {
  return String(number).padStart(2, '0');
}
