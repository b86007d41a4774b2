// Rules of the kernel's mm that a trace shows in a few lines. The answers are those of Linux 6.18.

import { describe, expect, it } from 'vitest'
import { runTrace } from '../../../server/trace/mm.ts'
import { DEFAULT_OPTIONS } from '../../../shared/room/options.ts'

const options = { ...DEFAULT_OPTIONS, ram: 256 << 20 }

const rules: [rule: string, trace: string, answers: string][] = [
  [
    'mremap gets shorter though the old range reaches beyond the VMA',
    `
      p1 mmap a 6 rw anon
      p1 munmap a+4 1
      p1 mremap a 6 2
      p1 maps
    `,
    `
      1 ok M-6 f=0
      2 ok f=0
      3 ok M-6 f=0
      4 ok 2
        M-6 2 rw-p anon off=0 ac
        S-33 33 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'mremap to the same length in place only wants a VMA at its start',
    `
      p1 mmap a 3 rw anon at=H
      p1 mremap H 9 9
      p1 mremap H+5 1 1
    `,
    `
      1 ok H+0 f=0
      2 ok H+0 f=0
      3 EFAULT f=0
    `,
  ],
  [
    'what mremap refuses leaves the target as it is',
    `
      p1 mmap a 3 rw anon at=H
      p1 mmap b 4 rw anon at=H+20
      p1 write b 4 0x41
      p1 mremap H 5 4 maymove fixed=H+20
      p1 mremap H+8 2 2 maymove fixed=H+20
      p1 read H+20 4
      p1 mremap H 3 3 maymove fixed=0x0
      p1 maps
    `,
    `
      1 ok H+0 f=0
      2 ok H+20 f=0
      3 ok f=4 n1x4
      4 EFAULT f=0
      5 EFAULT f=0
      6 ok f=0 =0x4 | 41x4
      7 EPERM f=0
      8 ok 3
        H+0 3 rw-p anon off=0 ac
        H+20 4 rw-p anon off=0 ac
        S-33 33 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'several VMAs move with the holes between them, and what lies in a hole of the target stays',
    `
      p1 mmap a 2 rw anon at=H
      p1 mmap b 2 r anon at=H+4
      p1 mmap c 6 rw shared at=H+20
      p1 mremap H 6 6 maymove fixed=H+20
      p1 maps
      p1 mremap H+21 3 3 maymove fixed=H+40
      p1 mmap z 2 rw zero at=H+60
      p1 mmap y 2 rw anon at=H+62
      p1 mremap H+60 4 4 maymove fixed=H+80
      p1 mremap H+60 2 2 maymove fixed=H+80
      p1 maps
    `,
    `
      1 ok H+0 f=0
      2 ok H+4 f=0
      3 ok H+20 f=0
      4 ok H+20 f=0
      5 ok 4
        H+20 2 rw-p anon off=0 ac
        H+22 2 rw-s shm off=2 -
        H+24 2 r--p anon off=0 -
        S-33 33 rw-p stack off=0 gd,ac
      6 ok H+40 f=0
      7 ok H+60 f=0
      8 ok H+62 f=0
      9 EFAULT f=0
      10 ok H+80 f=0
      11 ok 7
        H+20 1 rw-p anon off=0 ac
        H+24 2 r--p anon off=0 -
        H+40 1 rw-p anon off=0 ac
        H+41 2 rw-s shm off=2 -
        H+62 2 rw-p anon off=0 ac
        H+80 2 rw-p zero off=8589934672 ac
        S-33 33 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'what has never been written may join its own source when it moves beside it',
    `
      p1 mmap a 14 r anon
      p1 mremap a+7 1 9 maymove
      p1 maps
      p1 mmap z 4 rw zero
      p1 mremap z 2 2 maymove fixed=H as=y
      p1 maps
    `,
    `
      1 ok M-14 f=0
      2 ok M-23 f=0
      3 ok 3
        M-23 16 r--p anon off=0 -
        M-6 6 r--p anon off=0 -
        S-33 33 rw-p stack off=0 gd,ac
      4 ok M-27 f=0
      5 ok H+0 f=0
      6 ok 5
        H+0 2 rw-p zero off=8589934592 ac
        M-25 2 rw-p zero off=2 ac
        M-23 16 r--p anon off=0 -
        M-6 6 r--p anon off=0 -
        S-33 33 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'MREMAP_DONTUNMAP leaves memory unlocked that VmLck goes on counting',
    `
      p1 mmap a 5 rw anon locked
      p1 mremap a 4 4 maymove dontunmap as=b
      p1 maps
      p1 status
      p1 rlimit as +2
      p1 mremap b 4 4 maymove dontunmap
      p1 munmap b 4
      p1 status
    `,
    `
      1 ok M-5 f=5
      2 ok M-9 f=0
      3 ok 3
        M-9 4 rw-p anon off=0 lo,ac
        M-5 5 rw-p anon off=0 ac
        S-33 33 rw-p stack off=0 gd,ac
      4 ok VmPeak=36 VmSize=36 VmLck=36 VmRSS=20 RssAnon=20 RssFile=0 RssShmem=0 VmData=36 VmStk=0 VmPTE=4
      5 ok
      6 ENOMEM f=0
      7 ok f=0
      8 ok VmPeak=36 VmSize=20 VmLck=20 VmRSS=4 RssAnon=4 RssFile=0 RssShmem=0 VmData=20 VmStk=0 VmPTE=4
    `,
  ],
  [
    'mremap and fork copy upper page tables even if nothing is in them',
    `
      p1 mmap a 512 rw anon at=H
      p1 write a 3 0x41
      p1 madvise a 512 dontneed
      p1 status
      p1 fork p2
      p2 status
      p1 mremap a 512 512 maymove fixed=0x300000000000
      p1 status
    `,
    `
      1 ok H+0 f=0
      2 ok f=3 n1x3
      3 ok f=0
      4 ok VmPeak=2048 VmSize=2048 VmLck=0 VmRSS=0 RssAnon=0 RssFile=0 RssShmem=0 VmData=2048 VmStk=0 VmPTE=8
      5 ok f=0
      6 ok VmPeak=2048 VmSize=2048 VmLck=0 VmRSS=0 RssAnon=0 RssFile=0 RssShmem=0 VmData=2048 VmStk=0 VmPTE=8
      7 ok 0x300000000000 f=0
      8 ok VmPeak=2048 VmSize=2048 VmLck=0 VmRSS=0 RssAnon=0 RssFile=0 RssShmem=0 VmData=2048 VmStk=0 VmPTE=4
    `,
  ],
  [
    'a mapping by name that fails leaves the cuts in what it should have replaced',
    `
      p1 mmap a 9 r anon at=H
      p1 rlimit as +2
      p1 mmap b 9 rw anon at=H+5
      p1 maps
      p1 mmap s 9 rw anon at=S-35
      p1 maps
    `,
    `
      1 ok H+0 f=0
      2 ok
      3 ENOMEM f=0
      4 ok 3
        H+0 5 r--p anon off=0 -
        H+5 4 r--p anon off=0 -
        S-33 33 rw-p stack off=0 gd,ac
      5 ok S-35 f=0
      6 ok 4
        H+0 5 r--p anon off=0 -
        H+5 4 r--p anon off=0 -
        S-35 9 rw-p anon off=0 ac
        S-26 26 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'a hint keeps anonymous memory from being aligned; a file is, unless there is room for both',
    `
      file F 1200 0x10
      p1 mmap a 3 rw anon
      p1 mmap b 512 rw anon hint=M-2
      p1 mmap c 512 rw anon hint=H
      p1 mmap d 600 r file:F hint=M-2
      p1 mmap e 3 rw anon at=H+2000
      p1 mmap f 1024 r file:F hint=H+900
      p1 mmap g 512 r file:F hint=H+600
    `,
    `
      1 ok M-3 f=0
      2 ok M-515 f=0
      3 ok H+0 f=0
      4 ok M-1535 f=0
      5 ok H+2000 f=0
      6 ok M-2559 f=0
      7 ok H+600 f=0
    `,
  ],
  [
    'files and shared memory do not grow down; the other errors of mmap come first',
    `
      file F 3 0x10
      p1 mmap a 1 rw file:F growsdown
      p1 mmap a 1 rw shared growsdown
      p1 mmap a 1 rw zero growsdown
      p1 mmap b 1 rw anon at=H
      p1 mmap a 1 rw shared growsdown noreplace=H
      p1 rlimit memlock 0
      p1 mmap a 1 rw none locked
      p1 rlimit memlock 1
      p1 mmap a 2 rw none locked
      p1 mmap a 1 rw none
    `,
    `
      1 EINVAL f=0
      2 EINVAL f=0
      3 EINVAL f=0
      4 ok H+0 f=0
      5 EEXIST f=0
      6 ok
      7 EPERM f=0
      8 ok
      9 EAGAIN f=0
      10 EINVAL f=0
    `,
  ],
  [
    'an area that grew down has an anon_vma: moved, it keeps its offset',
    `
      p1 mmap a 2 r anon at=H+6 growsdown
      p1 read H+3
      p1 mremap H+4 2 2 maymove fixed=H+1
      p1 mremap H+6 2 2 maymove fixed=H+40
      p1 maps
      p1 mmap d 2 rw anon at=0x11000 growsdown
      p1 write 0x10000 1 0x41
      p1 write 0xf000 1 0x41
    `,
    `
      1 ok H+6 f=0
      2 ok f=1 z1 | 00
      3 ok H+1 f=0
      4 ok H+40 f=0
      5 ok 4
        H+1 2 r--p anon off=0 gd
        H+3 1 r--p anon off=0 gd
        H+40 2 r--p anon off=0 gd
        S-33 33 rw-p stack off=0 gd,ac
      6 ok 0x11000 f=0
      7 ok f=1 n1
      8 SIGSEGV:MAPERR@0xf000 f=0
    `,
  ],
  [
    'a read behind a file’s end maps what exists around it; a private write makes the VMA one that writes',
    `
      file F 5 0x30
      p1 mmap a 10 rw sfile:F at=H
      p1 read H+7
      p1 pagemap H 10
      p1 mmap b 2 rw file:F at=H+30 off=6
      p1 mlock H+31 1 onfault
      p1 write H+31 1 0x41
      p1 write H+30 1 0x41
      p1 munlock H+30 2
      p1 maps
    `,
    `
      1 ok H+0 f=0
      2 SIGBUS:ADRERR@H+7 f=0
      3 ok f0 f1 f2 f3 f4 -x5
      4 ok H+30 f=0
      5 ok f=0
      6 SIGBUS:ADRERR@H+31 f=0
      7 SIGBUS:ADRERR@H+30 f=0
      8 ok f=0
      9 ok 4
        H+0 10 rw-s F off=0 -
        H+30 1 rw-p F off=6 ac
        H+31 1 rw-p F off=7 ac
        S-33 33 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'locked memory that becomes writable has its own pages at once, and so has a locked heap',
    `
      p1 mmap a 4 r anon
      p1 mlock a 4
      p1 mprotect a 3 rw
      p1 pagemap a 4
      p1 mlockall future
      p1 brk +3
      p1 brk +100b
      p1 smaps
    `,
    `
      1 ok M-4 f=0
      2 ok f=4
      3 ok f=3
      4 ok f0 f1 f2 z
      5 ok f=0
      6 ok B+3 f=3
      7 ok B+3:100 f=1
      8 ok 4
        B+0 4 rw-p heap size=16 rss=16 pss=16 sc=0 sd=0 pc=0 pd=16 anon=16 swap=0 locked=16
        M-4 3 rw-p anon size=12 rss=12 pss=12 sc=0 sd=0 pc=0 pd=12 anon=12 swap=0 locked=12
        M-1 1 r--p anon size=4 rss=0 pss=0 sc=0 sd=0 pc=0 pd=0 anon=0 swap=0 locked=0
        S-33 33 rw-p stack size=132 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=0
    `,
  ],
  [
    'locks and protections that change nothing split and merge nothing',
    `
      program 1 3
      p1 brk +3
      p1 munlockall
      p1 maps
      p1 mprotect B-2 4 rw
      p1 madvise B-2 4 keeponfork
      p1 maps
      p1 mprotect S-2 7 -
      p1 maps
    `,
    `
      1 ok B+3 f=0
      2 ok f=0
      3 ok 4
        B-4 1 rw-p exe off=1 ac
        B-3 3 rw-p anon off=0 ac
        B+0 3 rw-p heap off=0 ac
        S-33 33 rw-p stack off=0 gd,ac
      4 ok f=0
      5 ok f=0
      6 ok 4
        B-4 1 rw-p exe off=1 ac
        B-3 3 rw-p anon off=0 ac
        B+0 3 rw-p heap off=0 ac
        S-33 33 rw-p stack off=0 gd,ac
      7 ENOMEM f=0
      8 ok 5
        B-4 1 rw-p exe off=1 ac
        B-3 3 rw-p anon off=0 ac
        B+0 3 rw-p heap off=0 ac
        S-33 31 rw-p anon off=0 gd,ac
        S-2 2 ---p stack off=0 gd,ac
    `,
  ],
  [
    'a child starts without the data of VMAs that are not copied',
    `
      p1 mmap a 5 rw anon
      p1 mmap b 7 rw anon
      p1 madvise a 5 dontfork
      p1 fork p2
      p2 status
    `,
    `
      1 ok M-5 f=0
      2 ok M-12 f=0
      3 ok f=0
      4 ok f=0
      5 ok VmPeak=28 VmSize=28 VmLck=0 VmRSS=0 RssAnon=0 RssFile=0 RssShmem=0 VmData=28 VmStk=0 VmPTE=0
    `,
  ],
  [
    'MADV_REMOVE asks whether memory may be written, MADV_POPULATE_READ whether it can be read',
    `
      file F 4 0x30
      file R 4 0x40 ro
      p1 mmap a 4 r sfile:F
      p1 madvise a 2 remove
      p1 read a 3
      p1 mmap b 4 r sfile:R
      p1 madvise b 2 remove
      p1 mmap c 4 rw zero
      p1 madvise c 2 remove
      p1 mmap d 4 rw anon
      p1 madvise d 2 remove
      p1 mmap e 2 w anon
      p1 madvise e 2 populate_read
      p1 madvise e 2 populate_write
    `,
    `
      1 ok M-4 f=0
      2 ok f=0
      3 ok f=0 maj=1 n0 =0x2 | 00x2 32
      4 ok M-8 f=0
      5 EACCES f=0
      6 ok M-12 f=0
      7 EACCES f=0
      8 ok M-16 f=0
      9 EINVAL f=0
      10 ok M-18 f=0
      11 EINVAL f=0
      12 ok f=2
    `,
  ],
  [
    'addresses of the last page and of the kernel are mapped by nobody, others are none',
    `
      p1 read S-1 2
      p1 write 0x7ffffffff000 1 0x41
      p1 read 0x7fffffffffff
      p1 read 0x800000000000
      p1 write 0xffff800000000000 1 0x41
      p1 mremap S-2 12 10
    `,
    `
      1 SIGSEGV:MAPERR@0x7ffffffff000 f=0 =0 | 00
      2 SIGSEGV:MAPERR@0x7ffffffff000 f=0
      3 SIGSEGV:MAPERR@0x7ffffffff000:4095 f=0
      4 SIGSEGV:KERNEL f=0
      5 SIGSEGV:MAPERR@0xffff800000000000 f=0
      6 EINVAL f=0
    `,
  ],
  [
    'the last page of a file in part is written to when the file gets longer',
    `
      file F 5000b 0x30
      p1 mmap a 4 rw sfile:F
      p1 read a 2
      p1 smaps
      truncate F 4
      p1 smaps
    `,
    `
      1 ok M-4 f=0
      2 ok f=1 n1 =0 | 30 31
      3 ok 2
        M-4 4 rw-s F size=16 rss=8 pss=8 sc=0 sd=0 pc=8 pd=0 anon=0 swap=0 locked=0
        S-33 33 rw-p stack size=132 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=0
      4 ok
      5 ok 2
        M-4 4 rw-s F size=16 rss=8 pss=8 sc=0 sd=0 pc=4 pd=4 anon=0 swap=0 locked=0
        S-33 33 rw-p stack size=132 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=0
    `,
  ],
  [
    'one instruction: what it does to the page, and what to address 0',
    `
      file F 4 0x8e
      p1 mmap f 4 rx file:F
      p1 fetch f+2
      p1 pagemap f 4
      p1 mmap z 4 rwx anon
      p1 fetch z+1
      p1 pagemap z 4
      p1 write z 1 0x24
      p1 fetch z
      p1 write z 1 0x62
      p1 fetch z
      p1 write z 1 0xf4
      p1 fetch z
      p1 mprotect z 4 -
      p1 fetch z+2
      p1 mmap g 2 rw file:F at=H+20 off=9
      p1 fetch H+20
      p1 mmap h 2 r anon at=H+40 growsdown
      p1 fetch H+38
      p1 maps
    `,
    `
      1 ok M-4 f=0
      2 ok f=0 n0
      3 ok f0 f1 f2 f3
      4 ok M-8 f=0
      5 SIGSEGV:MAPERR@0x0 f=0
      6 ok - z -x2
      7 ok f=1 n1
      8 ok f=0 =0
      9 ok f=0 =0
      10 SIG4 f=0
      11 ok f=0 =0
      12 SIGSEGV:KERNEL f=0
      13 ok f=0
      14 SIGSEGV:ACCERR@M-6 f=0
      15 ok H+20 f=0
      16 SIGBUS:ADRERR@H+20 f=0
      17 ok H+40 f=0
      18 SIGSEGV:MAPERR@H+38 f=0
      19 ok 5
        H+20 2 rw-p F off=9 ac
        H+40 2 r--p anon off=0 gd
        M-8 4 ---p anon off=0 ac
        M-4 4 r-xp F off=0 -
        S-33 33 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'shared memory without reservation is promised page by page, and so are files in tmpfs',
    `
      file F 3 0x30 tmpfs
      commit
      p1 mmap a 20 rw shared noreserve
      p1 write a+3 4 0x41
      commit
      p1 mmap b 8 rw sfile:F
      truncate F 8
      p1 read b+4 2
      commit
      p1 madvise b+4 1 remove
      commit
      p1 munmap a 20
      commit
    `,
    `
      1 ok 0
      2 ok M-20 f=0
      3 ok f=4 n1x4
      4 ok 16
      5 ok M-28 f=0
      6 ok
      7 ok f=2 n1x2 | 00x2
      8 ok 24
      9 ok f=0
      10 ok 20
      11 ok f=0
      12 ok 4
    `,
  ],
  [
    'where a guard gap takes the room, nothing above its end is used',
    `
      p1 mmap a 4 r anon
      p1 mmap hole 6 rw anon
      p1 mmap b 9 r anon
      p1 munmap hole 6
      p1 mmap g 2 rw anon at=M-6 growsdown
      p1 maps
      p1 mmap c 4 rw anon
      p1 mmap d 5 rw anon
      p1 maps
    `,
    `
      1 ok M-4 f=0
      2 ok M-10 f=0
      3 ok M-19 f=0
      4 ok f=0
      5 ok M-6 f=0
      6 ok 4
        M-19 9 r--p anon off=0 -
        M-6 2 rw-p anon off=0 gd,ac
        M-4 4 r--p anon off=0 -
        S-33 33 rw-p stack off=0 gd,ac
      7 ok M-266 f=0
      8 ok M-24 f=0
      9 ok 6
        M-266 4 rw-p anon off=0 ac
        M-24 5 rw-p anon off=0 ac
        M-19 9 r--p anon off=0 -
        M-6 2 rw-p anon off=0 gd,ac
        M-4 4 r--p anon off=0 -
        S-33 33 rw-p stack off=0 gd,ac
    `,
  ],
  [
    'to populate for writing makes dirty what MADV_FREE had made clean',
    `
      p1 mmap a 2 rw anon
      p1 write a 2 0x41
      p1 madvise a 2 free
      p1 smaps
      p1 mlock a 1
      p1 smaps
      p1 mmap b 2 rw shared
      p1 read b 2
      p1 madvise b 1 populate_write
      p1 smaps
    `,
    `
      1 ok M-2 f=0
      2 ok f=2 n1x2
      3 ok f=0
      4 ok 2
        M-2 2 rw-p anon size=8 rss=8 pss=8 sc=0 sd=0 pc=8 pd=0 anon=8 swap=0 locked=0
        S-33 33 rw-p stack size=132 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=0
      5 ok f=0
      6 ok 3
        M-2 1 rw-p anon size=4 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=4
        M-1 1 rw-p anon size=4 rss=4 pss=4 sc=0 sd=0 pc=4 pd=0 anon=4 swap=0 locked=0
        S-33 33 rw-p stack size=132 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=0
      7 ok M-4 f=0
      8 ok f=2 n1x2 | 00x2
      9 ok f=0
      10 ok 4
        M-4 2 rw-s shm size=8 rss=8 pss=8 sc=0 sd=0 pc=4 pd=4 anon=0 swap=0 locked=0
        M-2 1 rw-p anon size=4 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=4
        M-1 1 rw-p anon size=4 rss=4 pss=4 sc=0 sd=0 pc=4 pd=0 anon=4 swap=0 locked=0
        S-33 33 rw-p stack size=132 rss=4 pss=4 sc=0 sd=0 pc=0 pd=4 anon=4 swap=0 locked=0
    `,
  ],
  [
    'the stack is inherited: what is mapped beside it stays another VMA',
    `
      p1 mmap a 2 rw anon at=S-35 growsdown
      p1 write a 1 0x41
      p1 maps
      p1 mmap b 9 rw anon at=S-34 growsdown
      p1 maps
    `,
    `
      1 ok S-35 f=0
      2 ok f=1 n1
      3 ok 2
        S-35 2 rw-p anon off=0 gd,ac
        S-33 33 rw-p stack off=0 gd,ac
      4 ok S-34 f=0
      5 ok 2
        S-35 10 rw-p anon off=0 gd,ac
        S-25 25 rw-p stack off=0 gd,ac
    `,
  ],
]

/** Without the indentation of this file. */
function linesOf(text: string): string[] {
  return text
    .split('\n')
    .map((line) => line.slice(6))
    .filter((line) => line !== '')
}

describe('trace mm', () => {
  for (const [rule, trace, answers] of rules) {
    it(rule, () => {
      expect(runTrace(linesOf(trace).join('\n'), options)).toEqual(linesOf(answers))
    })
  }
})
