import * as fault from '../support/fault.ts';
import { lessScope } from '../support/token-fault.ts';
import type { Reason, Side } from '../../src/copy/error.ts';
import { type Row, always } from './row.ts';

/** That it is down or slow, the rows of the answers have. */
export const tokenRows: readonly Row[] = (['source', 'destination'] as const).flatMap(rowsOf);

function rowsOf(side: Side): Row[] {
  const where = /^GET \/token/;
  const denied: Reason = `${side}-denied`;
  const refused = { reason: denied, says: /GET .*\/token answered 40[13]/ };
  return [
    {
      side,
      where,
      name: 'token refused by 401',
      fault: () => fault.registryError(401, 'UNAUTHORIZED', 'no'),
      fails: refused,
    },
    {
      side,
      where,
      name: 'token refused by 403',
      fault: () => fault.registryError(403, 'DENIED', 'no'),
      fails: refused,
    },
    {
      side,
      where,
      name: 'token for less than was asked',
      times: always,
      fault: () => lessScope(/^nothing/),
      fails: { reason: denied, says: /answered 401/ },
    },
    {
      side,
      where,
      name: 'answer without a token',
      fault: () => fault.answer(200, { 'content-type': 'application/json' }, '{}'),
      fails: { reason: 'protocol', says: /token/ },
    },
    {
      side,
      where,
      name: 'page of a proxy instead of a token',
      fault: () => fault.html(200),
      fails: { reason: 'protocol', says: /token/ },
    },
  ];
}
