// A real Chromium, unpacked from the npm package that carries it.
//
// The package unpacks into the system's temporary directory and takes whatever
// already lies there. So it is told of a directory of its own, which gets its final
// name when it is complete: two runs at once, or one that was killed, do no harm.

import { execFile } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdir, mkdtemp, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { chromium, type Browser } from 'playwright-core'
import { topDirectory } from './top.ts'

const top = topDirectory()

/** The name a class would type. It is no secure origin, as in a real class. */
export const CLASS_HOST = 'class.lan'

const flags = [
  '--no-sandbox',
  '--disable-gpu',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
  '--no-first-run',
  `--host-resolver-rules=MAP ${CLASS_HOST} 127.0.0.1`,
]

/** A Chromium with its own profile; on other systems than Linux, the installed Chrome. */
export async function launchBrowser(more: string[] = []): Promise<Browser> {
  const args = [...flags, ...more]
  if (process.platform !== 'linux') {
    return chromium.launch({ channel: 'chrome', headless: true, args })
  }
  const home = await unpackChromium()
  return chromium.launch({
    executablePath: join(home, 'chromium'),
    headless: true,
    args,
    env: {
      ...process.env,
      // For machines without a desktop's libraries.
      LD_LIBRARY_PATH: [process.env.LD_LIBRARY_PATH, join(home, 'al2023', 'lib')]
        .filter(Boolean)
        .join(':'),
      FONTCONFIG_FILE: await writeFontList(home),
    },
  })
}

/** Where fonts lie: the package's own list names directories of another system, and without fonts the browser dies. */
async function writeFontList(home: string): Promise<string> {
  const path = join(home, 'fonts.conf')
  const dirs = [join(home, 'fonts'), '/usr/share/fonts', '/usr/local/share/fonts']
  const list = dirs.map((dir) => `<dir>${dir}</dir>`).join('')
  const cache = `<cachedir>${join(home, 'fonts-cache')}</cachedir>`
  await writeFile(path, `<?xml version="1.0"?>\n<fontconfig>${list}${cache}</fontconfig>\n`)
  return path
}

/** The same page as a class sees it: by the name of the laptop, on plain http. */
export function classUrl(url: string): string {
  return url.replace(/\/\/[^:/]+/, `//${CLASS_HOST}`)
}

async function unpackChromium(): Promise<string> {
  const manifest = join(top, 'node_modules', '@sparticuz', 'chromium', 'package.json')
  const { version } = JSON.parse(await readFile(manifest, 'utf8')) as { version: string }
  const caches = join(top, 'node_modules', '.cache')
  const home = join(caches, `chromium-${version}`)
  if (existsSync(home)) return home

  await mkdir(caches, { recursive: true })
  const fresh = await mkdtemp(join(caches, 'chromium-'))
  const unpack = `import chromium from '@sparticuz/chromium'; await chromium.executablePath()`
  await promisify(execFile)(process.execPath, ['--input-type=module', '-e', unpack], {
    cwd: top,
    // On the platform named here the package adds the libraries it needs.
    env: { ...process.env, TMPDIR: fresh, AWS_EXECUTION_ENV: 'AWS_Lambda_nodejs20.x' },
  })
  try {
    await rename(fresh, home)
  } catch {
    await rm(fresh, { recursive: true, force: true }) // another run was quicker
  }
  return home
}
