import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { run } from '../integration/process.ts';
import { rateLimited, registryError, unavailable } from '../support/fault.ts';
import { ociImage } from '../support/image.ts';
import { push } from '../support/push.ts';
import { temporaryFolder } from '../support/temporary.ts';
import { wholeFile } from '../support/whole-file.ts';
import { type Done, startCopies } from './copied.ts';
import { asked, HastyClock } from './watched.ts';

/*
 * What is tried again, by the rows of the compatibility table; each in a repository of its own.
 */
const { source, destination, copied, assertSame } = await startCopies(wholeFile());

describe('trying again', { concurrency: 6 }, () => {
  /** How often the destination was told to write the manifest. */
  function puts({ written }: Done): number {
    return written.filter((request) => request.startsWith('PUT ') && request.includes('/manifests/')).length;
  }

  function rounds(log: readonly string[]): number {
    return log.filter((line) => line.includes('msg="Start to retry tasks, please wait ..."')).length;
  }

  describe('row 55: a PUT that fails', () => {
    const broken = unavailable();

    test('row 55: it succeeds in the next round', async (t) => {
      await push(source.direct, 'row/55', 'v1', ociImage('55'));
      // Within an attempt the request is sent twice.
      destination.faults.times(2, /^PUT .*row\/55\/manifests\/v1$/, broken);
      const done = await copied(t, 'row/55');
      assert.deepEqual([done.code, done.tag.outcome, done.tag.attempts, puts(done)], [0, 'copied', 2, 3]);
      assert.equal(rounds(done.log), 1);
      const [failed = -1, begun = -1, finished = -1] = [
        `msg="Failed to executed synchronizing manifest from ${done.tag.source}`,
        'msg="Start to retry tasks, please wait ..."',
        `msg="Finish synchronizing manifest from ${done.tag.source}`,
      ].map((words) => done.log.findIndex((line) => line.includes(words)));
      assert.ok(0 <= failed && failed < begun && begun < finished, done.log.join('\n'));
      assert.ok(done.slept.some((ms) => ms >= 500));
      await assertSame('row/55');
    });

    test('row 55: --retries N are N + 1 attempts', async (t) => {
      await push(source.direct, 'row/55-always', 'v1', ociImage('55'));
      destination.faults.always(/^PUT .*row\/55-always\/manifests\/v1$/, broken);
      for (const [retries, attempts] of [
        [0, 1],
        [3, 4],
        [-1, 1],
      ]) {
        const done = await copied(t, 'row/55-always', { flags: [`--retries=${retries}`] });
        assert.deepEqual([done.code, done.tag.attempts], [1, attempts]);
        const begun = done.asked.source.filter((request) => request.endsWith(' row/55-always/manifests/v1'));
        assert.equal(begun.length, attempts);
        assert.equal(puts(done), 2 * (attempts ?? 0));
        assert.match(done.log.at(-1) ?? '', /Synchronization finished, 1 tasks failed, cost /);
      }
    });

    test('row 55: one line a round, not one a tag', async (t) => {
      const tags = ['a', 'b', 'c'];
      for (const tag of tags) await push(source.direct, 'row/55-round', tag, ociImage('55'));
      destination.faults.always(/^PUT .*row\/55-round\/manifests\//, broken);
      const { report, log } = await copied(t, 'row/55-round', {
        reference: '',
        flags: ['--retries=2', '--proc=1'],
      });
      assert.deepEqual(
        report.tags.map(({ attempts }) => attempts),
        tags.map(() => 3),
      );
      for (const { source, message } of report.tags) {
        const put = `write ${source.slice(-1)} at the destination: PUT .* answered 503`;
        assert.match(message ?? '', new RegExp(`^gave up after 3 attempts: ${put}`));
      }
      assert.equal(rounds(log), 2);
      assert.match(log.at(-1) ?? '', /msg="Synchronization finished, 3 tasks failed, cost [\dhm.]+s\."$/);
    });

    const hopeless: Record<string, [status: number, code: string, reason: string]> = {
      denied: [403, 'DENIED', 'destination-denied'],
      refused: [400, 'MANIFEST_INVALID', 'artifact-refused'],
      'not found': [404, 'NAME_UNKNOWN', 'not-found'],
    };
    for (const [what, [status, code, reason]] of Object.entries(hopeless))
      test(`row 55: what is ${what} is tried once`, async (t) => {
        const repository = `row/55-${status}`;
        await push(source.direct, repository, 'v1', ociImage('55'));
        const refusal = registryError(status, code, 'no');
        destination.faults.always(new RegExp(`^PUT .*${repository}/manifests/v1$`), refusal);
        const done = await copied(t, repository, { flags: ['--retries=10'] });
        assert.deepEqual([done.code, done.tag.reason, done.tag.attempts], [1, reason, 1]);
        assert.deepEqual([puts(done), rounds(done.log)], [1, 0]);
      });

    test('row 55: a list of tags that fails is asked for again, in rounds of its own', async (t) => {
      await push(source.direct, 'row/55-list', 'v1', ociImage('55'));
      // Within an attempt the request is sent four times.
      source.faults.times(4, /^GET .*row\/55-list\/tags\/list/, broken);
      const { report, log } = await copied(t, 'row/55-list', { reference: '', flags: ['--retries=1'] });
      assert.equal(report.counts.copied, 1);
      assert.equal(rounds(log), 1);
      assert.ok(log.some((line) => /msg="Failed to executed analyzing image rules for .*503/.test(line)));
    });

    test('row 55: the process ends with 1, and says on standard output that failed tasks exist', async (t) => {
      const folder = await temporaryFolder(t);
      await push(source.direct, 'row/55-process', 'v1', ociImage('55'));
      destination.faults.always(/^PUT .*row\/55-process\/manifests\/v1$/, broken);
      const auth = { [source.host]: { insecure: true }, [destination.host]: { insecure: true } };
      const images = { [`${source.host}/row/55-process:v1`]: `${destination.host}/row/55-process` };
      await writeFile(join(folder, 'config.json'), JSON.stringify({ auth, images }));
      const { code, stdout, stderr } = await run(t, ['sync', '--config=config.json', '-r', '1'], {
        cwd: folder,
      });
      assert.equal(code, 1);
      const lines = stdout.split('\n');
      assert.match(
        lines[0] ?? '',
        /^failed .*row\/55-process:v1 -> .* gave up after 2 attempts: write v1 at the dest/,
      );
      assert.equal(lines.at(-1), 'failed tasks exist');
      assert.match(stderr, /Synchronization finished, 1 tasks failed, cost /);
      const sent = asked(destination, 'row/55-process').filter(
        (request) => request === 'PUT row/55-process/manifests/v1',
      );
      assert.equal(sent.length, 2 * 2);
    });
  });

  describe('row 56: 429', () => {
    test('row 56: its Retry-After is waited for within the attempt, at either end', async (t) => {
      await push(source.direct, 'row/56', 'v1', ociImage('56'));
      source.faults.once(/^GET .*row\/56\/blobs/, rateLimited('3'));
      source.faults.once(/^GET .*row\/56\/manifests/, rateLimited('5'));
      destination.faults.once(/^HEAD .*row\/56\/manifests/, rateLimited('7'));
      const { code, tag, log, slept } = await copied(t, 'row/56');
      assert.deepEqual([code, tag.outcome, tag.attempts], [0, 'copied', 1]);
      for (const seconds of [3, 5, 7]) assert.ok(slept.includes(seconds * 1000), slept.join());
      assert.ok(!log.some((line) => line.includes('Failed to executed')));
    });

    test('row 56: without Retry-After the waits grow', async (t) => {
      await push(source.direct, 'row/56-without', 'v1', ociImage('56'));
      source.faults.times(
        3,
        /^GET .*row\/56-without\/manifests/,
        registryError(429, 'TOOMANYREQUESTS', 'slow down'),
      );
      const { code, tag, slept } = await copied(t, 'row/56-without');
      assert.deepEqual([code, tag.attempts, slept], [0, 1, [100, 200, 400]]);
    });

    test('row 56: who goes on limiting has half a minute, as image-syncer gives it', async (t) => {
      await push(source.direct, 'row/56-long', 'v1', ociImage('56'));
      const refusal = registryError(429, 'TOOMANYREQUESTS', 'slow down');
      source.faults.times(8, /^(?:HEAD|GET) .*row\/56-long\/manifests/, refusal);
      const { code, tag, slept } = await copied(t, 'row/56-long');
      assert.deepEqual([code, tag.outcome, tag.attempts], [0, 'copied', 3]);
      assert.deepEqual(
        slept.filter((ms) => ms > 1_000),
        [8_000, 8_000],
      );
    });

    test('row 56: a registry that wants to be left alone for an hour is not waited for', async (t) => {
      await push(source.direct, 'row/56-hour', 'v1', ociImage('56'));
      source.faults.always(/^GET .*row\/56-hour\/manifests/, rateLimited('3600'));
      const { code, tag, slept } = await copied(t, 'row/56-hour', { flags: ['--retries=5'] });
      assert.deepEqual([code, tag.outcome, tag.reason, tag.attempts], [1, 'failed', 'rate-limited', 1]);
      assert.deepEqual(slept, []);
    });
  });

  describe('row 60a: an exception that nobody foresaw', () => {
    /** Whoever is to wait before asking again meets a mistake of the program. */
    class Mistaken extends HastyClock {
      left = Number.POSITIVE_INFINITY;
      override random(): number {
        if (this.left-- > 0) throw new TypeError('chance is not a function');
        return super.random();
      }
    }

    for (const [what, left, attempts] of [
      ['in a copy is an attempt that failed, and the next one may succeed', 1, 2],
      ['where nobody catches it is a failed tag, and the run comes to its end', Number.POSITIVE_INFINITY, 1],
    ] as const)
      test(`row 60a: one ${what}`, async (t) => {
        const repository = `row/60a-${attempts}`;
        for (const tag of ['v1', 'v2']) await push(source.direct, repository, tag, ociImage(`60a ${tag}`));
        source.faults.once(new RegExp(`^GET .*${repository}/manifests/v1`), unavailable());
        const clock = new Mistaken();
        clock.left = left;
        const { code, report, tag, log, summary } = await copied(t, repository, { reference: '', clock });
        const isThere = attempts === 2;
        assert.deepEqual([code, report.counts.copied, tag.attempts], isThere ? [0, 2, 2] : [1, 1, 1]);
        assert.equal(tag.outcome, isThere ? 'copied' : 'failed');
        assert.ok(
          log.some((line) =>
            line.includes(`Failed to executed synchronizing manifest from ${tag.source} to `),
          ),
        );
        if (isThere) return;
        assert.equal(tag.reason, 'internal');
        assert.ok(summary[0]?.endsWith('  internal: chance is not a function'), summary[0]);
        assert.equal(summary.at(-1), 'failed tasks exist');
      });
  });
});
