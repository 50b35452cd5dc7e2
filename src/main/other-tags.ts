import type { Clock } from '../clock.ts';
import type { Log } from '../log.ts';
import type { State } from '../state/state.ts';
import type { Enqueue } from '../task/enqueue.ts';
import { OtherTags, type OtherTagsOptions } from '../task/other-tags.ts';
import type { Current } from './effective.ts';

interface Options {
  current: Current;
  state: Pick<State, 'enqueue'>;
  enqueue: Enqueue;
  log: Log;
  clock: Clock;
}

/** By the rules and registries that hold when it asks. */
export function newOtherTags({ current, state, enqueue, log, clock }: Options): OtherTags {
  // A look goes to its end with the clients that it began with.
  const listingOf = (name: string): ReturnType<OtherTagsOptions['sources']>[number]['listing'] => ({
    newest: (...asked) =>
      current.use(async ({ registries }) => (await registries.listing(name)?.newest(...asked)) ?? []),
  });
  return new OtherTags({
    sources(repository) {
      const { rules, registries } = current.now;
      const here = rules.sources().filter(({ rule }) => rules.matchesRepository(rule, repository));
      const names = [...new Set(here.map(({ source }) => source))];
      return names
        .filter((name) => registries.listing(name))
        .map((name) => ({ name, listing: listingOf(name) }));
    },
    announced: (repository, digest) => state.enqueue.tagsOf(repository, digest),
    makeUp: (event, cause) => enqueue.makeUp(event, cause),
    onError: (repository, error) =>
      log.debug('other tags of what was pushed are left to the next sweep', { repository, error }),
    clock,
  });
}
