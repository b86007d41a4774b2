// The real procps beside ours, where it can be had (as root on Linux, procps 4.0.2): /proc of a busy machine of ours is
// written into a folder, which the real program takes for /proc in a namespace of its own, and both must print the same.
// What must differ by nature is the date of a start: the real program takes the host's clock.

import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { findProc, readProc } from '../../shared/proc/root.ts'
import { createShell } from '../../shared/shell/shell.ts'
import { OwnRoom } from '../helpers/ownRoom.ts'
import { run, type Ran } from '../helpers/shellRoom.ts'

const VERSION = '4.0.2'

const COMMANDS = `
free | free -h | free -m | free -w | free -wh | free -t | free -b | free -l | free --si -h | free -hlt | free -v | free -x
vmstat | vmstat -s | vmstat -a | vmstat -w | vmstat -S k | vmstat -S M | vmstat -f | vmstat -n | vmstat -wa | vmstat -x
ps | ps -e | ps -ef | ps aux | ps -aux | ps ax | ps x | ps -x | ps -A -o pid,ppid,comm | ps -eo pid,vsz,rss,comm --sort=-rss
ps -eo pid,user,ni,pri,stat,comm | ps -eo pid,maj_flt,min_flt,comm | ps -eF | ps -el | ps -ely | ps u | ps -p 1
ps -p 1 -o args= | ps -C ic -o pid= | ps -u ben | ps -u nobody | ps --no-headers -e | ps -eo pid,pmem,pcpu,time,cmd
ps -eo pid,sz,vsize,rssize,size,drs,trs | ps axjf | ps axf | ps -ejH | ps -C ic,hog,bash f | ps axo pid,oom,oomadj,comm
ps -e -o pid,wchan:20,state | ps --ppid 1 | ps xyz | ps -o foo | ps -q 1 | ps --sort -vsz -eo pid,vsz | ps f
ps -eo user,uid,gid,euser,pid,pgid,sid,tty,comm | ps -eo pid,nlwp,psr,sched,cls,rtprio,nice | ps -eo s,stat,state,f,flag
ps v | ps axv | ps s | ps l | ps axl | ps -aux --sort=-pmem
pmap 1 | pmap -x 1 | pmap -X 1 | pmap -XX 1 | pmap -d 1 | pmap -q 1 | pmap -p 1 | pmap -xq 1 | pmap 99999 | pmap -x HOG
pmap -X HOG | pmap -x IC HOG | pidof init | pidof nothing | sysctl vm.swappiness | sysctl -n vm.overcommit_memory
sysctl nothing.at.all | sysctl -e nothing | sysctl -N vm.swappiness`
  .split(/[|\n]/)
  .map((command) => command.trim())
  .filter((command) => command !== '')

/** Tries a namespace as well: not every host lets root have one. */
function canCompare(): boolean {
  const version = spawnSync('free', ['--version'], { encoding: 'utf8' }).stdout ?? ''
  if (!version.includes(VERSION)) return false
  return spawnSync('unshare', ['-m', '-p', '-f', '--mount-proc', 'true']).status === 0
}

const possible = canCompare()
if (!possible)
  console.log(`no comparison with procps ${VERSION} here: it needs root and that version`)

describe.skipIf(!possible)('procps beside ours', () => {
  const room = new OwnRoom({ ram: 64 * 2 ** 20, swap: 32 * 2 ** 20 })
  const { machine } = room
  let folder: string
  let asRoot: (command: string) => Promise<Ran>
  const pidOf = (comm: string) =>
    [...machine.tasks.values()].find((task) => task.comm === comm)!.pid

  beforeAll(async () => {
    folder = mkdtempSync('/dev/shm/oomroom-procps-') // which lists the newest file first
    const shell = await createShell(room.port(room.join('Ada', 'teacher')))
    asRoot = (command) => run(room, shell, command)
    room.join('Ben', 'student')
    const [task] = room.room.seats.get(2)!.prompts
    for (const line of ['p = malloc(60 << 20)', 'memset(p, 7, 60 << 20)', 'fork()']) {
      room.enter(2, { t: 'ic', task, line })
      room.tick(40)
    }
    for (const argv of [
      ['hog', '3M'],
      ['sleep', '3000'],
    ])
      room.enter(2, { t: 'spawn', path: `/usr/bin/${argv[0]}`, argv, env: [], stdout: 'tty' })
    await asRoot('nice -n 7 sleep 1000 &')
    room.tick(200)
    expect(machine.vmstat.pswpout).toBeGreaterThan(100)
  }, 60_000)
  afterAll(() => rmSync(folder, { recursive: true, force: true }))

  /** Highest pid first, see above. */
  function writeProc(path: string, to: string): void {
    const node = findProc(machine, path, 1)
    if (node?.kind === 'dir') {
      mkdirSync(to, { recursive: true })
      const names = [...node.names()].sort((a, b) => (Number(b) || 0) - (Number(a) || 0))
      for (const name of names)
        if (!['self', '.', '..'].includes(name)) writeProc(`${path}/${name}`, join(to, name))
    } else {
      const read = readProc(machine, path, 0)
      writeFileSync(to, 'text' in read ? read.text : '')
    }
  }

  /** The real program, as the process that our shell is: it looks for itself in /proc. */
  function real(command: string): Ran {
    const proc = join(folder, 'proc')
    rmSync(proc, { recursive: true, force: true })
    writeProc('/proc', proc)
    writeFileSync(join(proc, 'cpuinfo'), 'processor\t: 0\n\n') // its library asks for it
    const shell = pidOf('bash')
    symlinkSync(String(shell), join(proc, 'self'))
    const users = [...machine.users].map(([uid, name]) => `${name}:x:${uid}:${uid}::/:/bin/sh`)
    writeFileSync(
      join(folder, 'passwd'),
      `root:x:0:0::/:/bin/sh\nnobody:x:65534:65534::/:\n${users.join('\n')}\n`,
    )
    const inside = `mount --bind ${proc} /proc; exec env -i PATH=/usr/bin:/bin:/usr/sbin LC_ALL=C TZ=UTC ${command}`
    const script = `mount --bind ${folder}/passwd /etc/passwd; mount -t tmpfs none /dev/pts
      mknod /dev/pts/0 c 136 0; mknod /dev/pts/1 c 136 1
      echo ${shell - 1} > /proc/sys/kernel/ns_last_pid; sh -c '${inside}'; exit $?`
    const { stdout, stderr, status } = spawnSync(
      'unshare',
      ['-m', '-p', '-f', '--mount-proc', 'sh', '-c', script],
      { encoding: 'utf8', timeout: 10_000 },
    )
    return { out: stdout, err: stderr, status: status ?? -1 }
  }

  const withoutStart = ({ out, err, status }: Ran): Ran => ({
    out: out.replace(/\b(\d\d:\d\d|[A-Z][a-z]{2}\d\d)(?= )/g, 'START'),
    err,
    status,
  })

  it.each(COMMANDS)('%s', async (line) => {
    const command = line.replace('HOG', String(pidOf('hog'))).replace('IC', String(pidOf('ic')))
    const wanted = real(command)
    expect(withoutStart(await asRoot(command))).toEqual(withoutStart(wanted))
  })
})
