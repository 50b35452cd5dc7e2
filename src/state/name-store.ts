import { type Mapping, placeOf, sourceOf } from '../rule/mapping.ts';
import type { NameStore } from '../task/names.ts';
import type { Owner } from '../task/store.ts';
import { type Connection, guard, write } from './database.ts';

const mappingColumns = `
  destination, destination_repository AS destinationRepository, source, source_repository AS sourceRepository, rule`;

const listNames = `SELECT source_repository AS name FROM mapping WHERE source = ?`;

const putMapping = `
  INSERT INTO mapping (destination, destination_repository, source, source_repository, rule)
  VALUES (@destination, @destinationRepository, @source, @sourceRepository, @rule)
  ON CONFLICT DO UPDATE SET rule = excluded.rule WHERE rule <> excluded.rule`;

const forgetName = `DELETE FROM mapping WHERE source = ? AND source_repository = ?`;

const findMappings = `
  SELECT ${mappingColumns} FROM mapping WHERE destination = ? AND destination_repository = ?`;

const findPlaces = `
  SELECT ${mappingColumns} FROM mapping WHERE source = ? AND source_repository = ?`;

const removeMapping = `
  DELETE FROM mapping
  WHERE destination = @destination AND destination_repository = @destinationRepository
    AND source = @source AND source_repository = @sourceRepository`;

const findOwner = `
  SELECT source, source_repository AS sourceRepository FROM owner
  WHERE destination = ? AND destination_repository = ?`;

const putOwner = `
  INSERT INTO owner (destination, destination_repository, source, source_repository)
  VALUES (@destination, @destinationRepository, @source, @sourceRepository)
  ON CONFLICT DO UPDATE SET source = excluded.source, source_repository = excluded.source_repository`;

const prepare = (connection: Connection) => ({
  names: connection.prepare<[source: string], { name: string }>(listNames),
  put: connection.prepare<[Mapping]>(putMapping),
  forget: connection.prepare<[source: string, repository: string]>(forgetName),
  there: connection.prepare<[destination: string, repository: string], Mapping>(findMappings),
  places: connection.prepare<[source: string, repository: string], Mapping>(findPlaces),
  remove: connection.prepare<[Mapping]>(removeMapping),
  owner: connection.prepare<[destination: string, repository: string], Owner>(findOwner),
  own: connection.prepare<[Omit<Mapping, 'rule'>]>(putOwner),
});

/** Which source repositories go to a destination repository, and whose it is. */
export class SqliteNameStore implements NameStore {
  readonly #connection: Connection;
  readonly #sql: ReturnType<typeof prepare>;

  constructor(connection: Connection) {
    this.#connection = connection;
    this.#sql = prepare(connection);
  }

  names(source: string): string[] {
    const rows = guard(this.#connection, () => this.#sql.names.all(source));
    return [...new Set(rows.map(({ name }) => name))];
  }

  remember(mappings: readonly Mapping[]): void {
    const places = new Set(mappings.map(keyOf));
    const repositories = new Map(mappings.map((mapping) => [sourceOf(mapping), mapping]));
    write(this.#connection, () => {
      for (const { source, sourceRepository } of repositories.values())
        for (const before of this.#sql.places.all(source, sourceRepository))
          if (!places.has(keyOf(before))) this.#sql.remove.run(before);
      for (const mapping of mappings) this.#sql.put.run(mapping);
    });
  }

  forget(source: string, names: readonly string[]): void {
    write(this.#connection, () => {
      for (const name of names) this.#sql.forget.run(source, name);
    });
  }

  owner(destination: string, destinationRepository: string): Owner | undefined {
    return guard(this.#connection, () => this.#sql.owner.get(destination, destinationRepository));
  }

  own(mapping: Omit<Mapping, 'rule'>): void {
    write(this.#connection, () => this.#sql.own.run(mapping));
  }

  /** As `there` below, inside the transaction of the caller. */
  add(mapping: Mapping): void {
    this.#sql.put.run(mapping);
  }

  /** One after the other; nothing else may be asked meanwhile. */
  there({ destination, destinationRepository }: Mapping): IterableIterator<Mapping> {
    return this.#sql.there.iterate(destination, destinationRepository);
  }
}

function keyOf(mapping: Mapping): string {
  return `${sourceOf(mapping)} ${placeOf(mapping)}`;
}
