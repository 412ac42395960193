// Synthetic people at a deployment, by `tacoma run`, and what their result says.
import { execFileSync, spawn } from 'node:child_process';

/** `tacoma run` as a child: resolves with its exit code and what it said. */
export function run(tacoma, args) {
  const child = spawn(tacoma, ['run', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let said = '';
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (d) => { said += d; });
  return new Promise((done) => child.on('exit', (code) => done({ code, said })));
}

/** What `meet` resolves with, a run's code and words. A run that could not keep its own schedule gives no verdict (98): it is made again, twice at most. */
export async function until_verdict(meet) {
  for (let again = 2; ; --again) {
    const done = await meet();
    if (done.code !== 98 || again === 0) return done;
    console.log(`no verdict, so once more: ${done.said}`);
  }
}

/** Rows of a result's database. Python has SQLite in its library, this Node has not. */
export const rows_of = (file, question, ...values) =>
  JSON.parse(execFileSync('python3', ['-c', `import json, sqlite3, sys
db = sqlite3.connect(sys.argv[1])
db.row_factory = sqlite3.Row
print(json.dumps([dict(r) for r in db.execute(sys.argv[2], json.loads(sys.argv[3]))]))`, file, question, JSON.stringify(values)]).toString());
