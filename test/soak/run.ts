import { soakOptions } from './options.ts';
import { type Report, soak } from './soak.ts';

/*
 * npm run soak [-- --minutes N --kills N --no-harbor]. Progress goes to standard error, the table to standard output; exit 1
 * when the ends differ. SOAK_SEED repeats what was pushed, lost and broken.
 */
const options = soakOptions(process.argv.slice(2), process.env);
const ends: (() => void | Promise<void>)[] = [];
const say = (line: string) => console.error(line);
const { seed, minutes, kills, source } = options;
say(
  `SOAK_SEED=${seed} --minutes ${minutes} --kills ${kills} ${source === 'oci' ? '--no-harbor' : '--harbor'}`,
);
try {
  print(await soak({ after: (end) => void ends.push(end) }, options, say));
} finally {
  for (const end of ends.toReversed()) await end();
}

function print({ counts, differences }: Report): void {
  for (const [name, count] of Object.entries(counts))
    console.log(`${name.padEnd(34)}${count.toLocaleString('en').padStart(14)}`);
  for (const difference of differences) console.log(difference);
  if (differences.length > 0) process.exitCode = 1;
}
