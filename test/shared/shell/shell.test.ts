import { beforeAll, describe, expect, it } from 'vitest'
import { createShell } from '../../../shared/shell/shell.ts'
import { OwnRoom } from '../../helpers/ownRoom.ts'
import { classroom, run, type Ran } from '../../helpers/shellRoom.ts'

describe('bash on the machine', () => {
  let asBen: (source: string, stdin?: string) => Promise<Ran>
  let asRoot: typeof asBen
  let room: OwnRoom

  beforeAll(async () => {
    ;({ asBen, asRoot, room } = await classroom())
  })

  const out = async (source: string) => (await asBen(source)).out
  const err = async (source: string) => (await asBen(source)).err

  it('runs the lecture’s list of who would be killed first', async () => {
    const list =
      'for i in /proc/[0-9]*; do echo -n "$i : "; cat $i/oom_score; done | sort -n -k 2 -t ":" | tail'
    const lines = (await out(list)).trim().split('\n')
    expect(lines).toHaveLength(room.machine.tasks.size)
    for (const line of lines) expect(line).toMatch(/^\/proc\/\d+ : \d+$/)
    expect(lines[0]).toBe('/proc/1 : 0')
  })

  it('is a user at home', async () => {
    expect(await out('echo $USER $HOME $PWD $HOSTNAME; whoami; hostname')).toBe(
      'ben /home/ben /home/ben ramlab\nben\nramlab\n',
    )
    expect((await asRoot('id; cd; pwd')).out).toBe(
      'uid=0(root) gid=0(root) groups=0(root)\n/root\n',
    )
  })

  it('keeps its variables and where it is from one script to the next', async () => {
    await asBen('x=5; cd /tmp')
    expect(await out('echo $x $PWD; cd')).toBe('5 /tmp\n')
  })

  it('knows its own process', async () => {
    expect(await out('cat /proc/self/comm; cat /proc/$$/comm')).toBe('bash\nbash\n')
  })

  it('is refused what a user is refused, in bash’s words', async () => {
    expect(await err('cat /proc/1/maps')).toBe('cat: /proc/1/maps: Permission denied\n')
    expect(await err('cat < /proc/1/maps')).toBe('bash: line 1: /proc/1/maps: Permission denied\n')
    expect(await err('\necho 3 > /proc/sys/vm/overcommit_memory')).toBe(
      'bash: line 2: /proc/sys/vm/overcommit_memory: Permission denied\n',
    )
    expect(await err('echo f > /proc/sysrq-trigger')).toBe(
      'bash: line 1: /proc/sysrq-trigger: Permission denied\n',
    )
    expect(await err('echo -5 > /proc/self/oom_score_adj')).toBe(
      'bash: line 1: echo: write error: Permission denied\n',
    )
    expect(await err('echo x > /proc/self/oom_score_adj')).toBe(
      'bash: line 1: echo: write error: Invalid argument\n',
    )
    expect(await err('kill -9 1')).toBe('bash: line 1: kill: (1) - Operation not permitted\n')
    expect(await err('nothing')).toBe('bash: line 1: nothing: command not found\n')
  })

  it('has the status of the last command', async () => {
    expect((await asBen('false')).status).toBe(1)
    expect((await asBen('echo x > /proc/self/oom_score_adj')).status).toBe(1)
    expect((await asBen('echo 5 > /proc/self/oom_score_adj')).status).toBe(0)
    expect((await asBen('exit 4')).status).toBe(4)
    expect((await asBen('nothing')).status).toBe(127)
    expect((await asBen('if')).status).toBe(2)
  })

  it('writes files of the machine, one command a file', async () => {
    const before = room.entries.length
    expect(await out('echo hello > ~/f; cat ~/f')).toBe('hello\n')
    const writes = room.entries.slice(before).filter(({ c }) => c.t === 'write')
    expect(writes.map(({ c }) => c)).toEqual([
      { t: 'write', path: '/home/ben/f', text: 'hello\n', append: false },
    ])
    expect(await out('echo more >> ~/f; wc -l < ~/f; : > ~/f; wc -c < ~/f; rm ~/f; ls ~')).toBe(
      '2\n0\n',
    )
    expect(await out('mkdir -p /tmp/a/b; echo ä > /tmp/a/b/c; cat /tmp/a/b/c; rm -r /tmp/a')).toBe(
      'ä\n',
    )
    expect((await asBen('cat /tmp/a/b/c')).err).toBe('cat: /tmp/a/b/c: No such file or directory\n')
  })

  it('shows output in the order in which it was made', async () => {
    let all = ''
    const shell = await createShell(room.port(2))
    const both = (text: string) => (all += text)
    await room.during(
      shell.exec('echo a; nothing; for i in 1 2; do echo $i; nope; done; { echo b >&2; echo c; }', {
        stdout: both,
        stderr: both,
      }),
    )
    expect(all.replace(/bash: line 1: (\w+): command not found/g, '!$1')).toBe(
      'a\n!nothing\n1\n!nope\n2\n!nope\nb\nc\n',
    )
  })

  it('does not lose output in pipes, substitutions and functions', async () => {
    expect(await out('for i in 1 2 3; do echo $i; done | tail -1')).toBe('3\n')
    expect(await out('x=$(echo hi); echo "<$x>"')).toBe('<hi>\n')
    expect(await out('f() { echo in; }; f; f | cat; y=$(f); echo $y')).toBe('in\nin\nin\n')
    expect(await out('echo "x y" | { read a b; echo $b; }')).toBe('y\n')
    expect(await out('cat <<END\n$USER\nEND')).toBe('ben\n')
    expect(await out('cat /proc/1/maps 2>&1 | head -1')).toMatch(/Permission denied/)
    expect(await err('cat /proc/1/maps 2>/dev/null')).toBe('')
    expect(await out('bash -c "echo a | cat" | cat')).toBe('a\n')
  })

  it('waits in machine time', async () => {
    const before = room.machine.ticks
    await asBen('sleep 1')
    const passed = room.machine.ticks - before
    expect(passed).toBeGreaterThanOrEqual(20)
    expect(passed).toBeLessThan(26)
  })

  it('starts programs in the background, and their end is told', async () => {
    const { out: shown, err: told } = await asBen(
      'hog 1M & p=$!; sleep 0.5; ps -p $p -o comm=; kill $p; wait',
    )
    expect(shown).toBe('hog\n')
    expect(told).toMatch(/^bash: line 1: +\d+ Terminated +hog 1M\n$/)
  })

  it('shows what programs at the terminal write once, however many there are', async () => {
    const { out: shown } = await asBen('sleep 1 & sleep x; sleep 0.2 | cat; wait')
    expect(shown.match(/invalid time interval/g)).toHaveLength(1)
  })

  it('says that the kernel has killed a program, and the kernel says why', async () => {
    const { err: told, status } = await asRoot('hog 200M')
    expect(told).toMatch(/^bash: line 1: +\d+ Killed +hog 200M\n$/)
    expect(status).toBe(137)
    const { out: log } = await asRoot('dmesg | tail -1')
    expect(log).toMatch(/^\[ +\d+\.\d{6}\] Out of memory: Killed process \d+ \(hog\) total-vm:/)
    expect(await err('dmesg')).toBe('dmesg: read kernel buffer failed: Operation not permitted\n')
  })

  it('lets root start the OOM killer', async () => {
    const { out: log } = await asRoot('echo f > /proc/sysrq-trigger; dmesg | grep -c Manual')
    expect(log).toBe('1\n')
  })
})

describe('Ctrl-C', () => {
  it('interrupts the program and the script', async () => {
    const { room, ben } = await classroom()
    const controller = new AbortController()
    let shown = ''
    const running = ben.exec('echo go; sleep 1000; echo never', {
      signal: controller.signal,
      stdout: (text) => (shown += text),
      stderr: () => {},
    })
    await new Promise((resolve) => setTimeout(resolve, 30))
    controller.abort()
    expect((await room.during(running)).status).toBe(130)
    expect(shown).toBe('go\n')
    expect([...room.machine.tasks.values()].some(({ comm }) => comm === 'sleep')).toBe(false)
  })
})

describe('the login shell', () => {
  it('can be killed; then the connection is closed, and the next command logs in again', async () => {
    const { room, asBen } = await classroom()
    const first = room.room.seats.get(2)!.shell
    const killed = await asBen('kill -9 $$; echo never')
    expect(killed).toEqual({ out: '', err: 'Connection to ramlab closed.\n', status: 137 })
    expect((await asBen('cat /proc/self/comm')).out).toBe('bash\n')
    expect(room.room.seats.get(2)!.shell).not.toBe(first)
  })
})

describe('a recording', () => {
  it('can be looked at but not changed', async () => {
    const room = new OwnRoom()
    const shell = await createShell(room.port(room.join('Ben', 'student'), true))
    expect((await run(room, shell, 'ps | wc -l; echo hi | cat')).out).toBe('3\nhi\n')
    expect((await run(room, shell, 'echo a > ~/f')).err).toBe(
      'bash: line 1: /home/ben/f: Read-only file system\n',
    )
    for (const source of ['sleep 1', 'ic -e 1', 'kill $$', 'hog 1M &']) {
      const { err, status } = await run(room, shell, source)
      expect(err, source).toMatch(/recording/)
      expect(status, source).not.toBe(0)
    }
  })
})

describe('notes', () => {
  it('put into the log what was typed and shown', async () => {
    const room = new OwnRoom()
    const shell = await createShell(room.port(room.join('Ben', 'student')), { notes: true })
    await run(room, shell, 'echo hi; nothing')
    expect(room.room.terminals.get(1)).toMatch(/^echo hi; nothing\nhi\nbash: line 1: nothing: /)
  })

  it('are not needed by a prompt, whose messages name no line', async () => {
    const room = new OwnRoom()
    const shell = await createShell(room.port(room.join('Ben', 'student')), { script: false })
    expect((await run(room, shell, 'nothing')).err).toBe('bash: nothing: command not found\n')
    expect(shell.prompt()).toBe('ben@ramlab:~$ ')
    await run(room, shell, 'cd /tmp')
    expect(shell.prompt()).toBe('ben@ramlab:/tmp$ ')
  })
})
