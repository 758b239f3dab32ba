// Writes ../manifest.sha256: what the console was built from and what came
// out, in the format of sha256sum. A Go test compares it with the tree, so
// that a change without a build is noticed where there is no Node.
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'

const web = new URL('..', import.meta.url)
const lines = ['app', 'dist']
  .flatMap((dir) =>
    readdirSync(new URL(dir, web), { recursive: true, withFileTypes: true })
      .filter((e) => e.isFile())
      .map((e) => `${e.parentPath}/${e.name}`.replaceAll('\\', '/').slice(web.pathname.length))
      .filter((path) => !path.includes('node_modules/')),
  )
  .sort()
  .map((path) => `${createHash('sha256').update(readFileSync(new URL(path, web))).digest('hex')}  ${path}\n`)
writeFileSync(new URL('manifest.sha256', web), lines.join(''))
