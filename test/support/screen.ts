/** What a terminal of so many columns and rows shows of what was written to it: enough of ECMA-48 for what we send. */
export class Screen {
  columns: number;
  rows: number;
  cursorHidden = false;
  /** Rows that were begun because a line did not fit. */
  wrapped = 0;
  /** All there ever was, also what has scrolled away: `soft` marks a row that goes on in the next one. */
  #lines: { cells: string[]; soft: boolean }[] = [{ cells: [], soft: false }];
  #row = 0;
  #column = 0;

  constructor(columns: number, rows: number) {
    this.columns = columns;
    this.rows = rows;
  }

  /** Row by row, without the blanks at their ends, and without empty rows at the end. */
  get rowsOfText(): string[] {
    return trimmed(this.#lines.map(({ cells }) => textOf(cells)));
  }

  /** Line by line, as they were before they were broken into rows. */
  get text(): string[] {
    const lines: string[] = [''];
    for (const { cells, soft } of this.#lines) {
      const text = textOf(cells);
      lines[lines.length - 1] += soft ? text.padEnd(this.columns) : text;
      if (!soft) lines.push('');
    }
    return trimmed(lines);
  }

  write(text: string): void {
    for (const [token] of text.matchAll(/\u001B\[[?\d;]*[A-Za-z]|[^]/gu)) this.#take(token);
  }

  /** As most terminals do: what was wrapped is joined, what no longer fits is wrapped, and the cursor stays in its text. */
  resize(columns: number, rows: number): void {
    const [before, row, column] = [this.#lines, this.#row, this.#column];
    Object.assign(this, { columns, rows });
    this.#lines = [];
    let whole: string[] = [];
    let cursor: number | undefined;
    for (const [index, { cells, soft }] of before.entries()) {
      if (index === row) cursor = whole.length + column;
      whole.push(...cells);
      if (soft) continue;
      const pieces = Math.max(1, Math.ceil(whole.length / columns));
      if (cursor !== undefined) {
        this.#row = this.#lines.length + Math.min(pieces - 1, Math.floor(cursor / columns));
        this.#column = cursor % columns;
        cursor = undefined;
      }
      for (let piece = 0; piece < pieces; piece++)
        this.#lines.push({
          cells: whole.slice(piece * columns, (piece + 1) * columns),
          soft: piece < pieces - 1,
        });
      whole = [];
    }
  }

  #take(token: string): void {
    if (token === '\n') return this.#newLine();
    if (token === '\r') this.#column = 0;
    else if (token.startsWith('\u001B')) this.#obey(token);
    else this.#put(token);
  }

  #put(character: string): void {
    if (this.#column >= this.columns) {
      this.wrapped++;
      this.#line.soft = true;
      this.#newLine();
    }
    this.#line.cells[this.#column++] = character;
  }

  /** With the terminal driver's carriage return. */
  #newLine(): void {
    this.#row++;
    this.#column = 0;
    if (this.#row === this.#lines.length) this.#lines.push({ cells: [], soft: false });
  }

  #obey(sequence: string): void {
    const count = Number(/\d+/.exec(sequence)?.[0] ?? 1);
    const top = Math.max(0, this.#lines.length - this.rows);
    if (/\[[\d;]*m$|\[\?2026[hl]$/.test(sequence)) return;
    if (/\[\?25[hl]$/.test(sequence)) this.cursorHidden = sequence.endsWith('l');
    else if (sequence.endsWith('A')) this.#row = Math.max(top, this.#row - count);
    else if (sequence.endsWith('B')) this.#row = Math.min(this.#lines.length - 1, this.#row + count);
    else if (sequence.endsWith('G')) this.#column = 0;
    else if (sequence.endsWith('[2K')) Object.assign(this.#line, { cells: [], soft: false });
    else if (sequence.endsWith('[K')) this.#line.cells.splice(this.#column);
    else throw new SyntaxError(`no terminal of ours understands ${JSON.stringify(sequence)}`);
  }

  get #line(): { cells: string[]; soft: boolean } {
    return (this.#lines[this.#row] ??= { cells: [], soft: false });
  }
}

function textOf(cells: readonly string[]): string {
  return Array.from(cells, (cell) => cell ?? ' ').join('');
}

function trimmed(lines: readonly string[]): string[] {
  const shown = lines.map((line) => line.trimEnd());
  while (shown.at(-1) === '') shown.pop();
  return shown;
}
