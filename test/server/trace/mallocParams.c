/* What the C library's malloc does when somebody has written into its parameters (mp_), for mallocParams.test.ts.

   mallocParams OFFSET int|long VALUE SEED    OFFSET: of the field in struct malloc_par

   40 slots, 60 steps: a random one is freed if it is in use, else it gets a block. After 20 steps VALUE is written. A line
   a step: `H` and where the block lies from the start of the heap, `M` and the size field of a mapped one, `0`; after a free
   `b` and the break. The heap starts at a multiple of 16 MiB.  */

#define _GNU_SOURCE
#include <link.h>
#include <signal.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SLOTS 40
#define STEPS 60
#define HEAP_LIMIT 0x10000000UL

static char *mp;
static char out[1 << 14];
static int length;

static void say (char kind, unsigned long value)
{
  length += snprintf (out + length, sizeof out - length, "%c %lx\n", kind, value);
}

static void finish (void)
{
  if (write (STDOUT_FILENO, out, length) != length)
    _exit (1);
  _exit (0);
}

static void killed (int sig)
{
  length += snprintf (out + length, sizeof out - length, "killed %s\n", sig == SIGABRT ? "SIGABRT" : "SIGSEGV");
  finish ();
}

/* mp_ begins with three thresholds that are alike at first, and 8.  */
static int find (struct dl_phdr_info *info, size_t size, void *data)
{
  if (strstr (info->dlpi_name, "libc.so") == NULL)
    return 0;
  for (int i = 0; i < info->dlpi_phnum; i++)
    {
      const ElfW (Phdr) *p = &info->dlpi_phdr[i];
      if (p->p_type != PT_LOAD || (p->p_flags & PF_W) == 0)
        continue;
      uintptr_t start = (info->dlpi_addr + p->p_vaddr + 7) & ~(uintptr_t) 7;
      uintptr_t end = info->dlpi_addr + p->p_vaddr + p->p_memsz - 200;
      for (uintptr_t at = start; at < end; at += 8)
        {
          unsigned long *w = (unsigned long *) at;
          if (w[0] == 131072 && w[1] == 131072 && w[2] == 131072 && w[3] == 8)
            {
              mp = (char *) w;
              return 1;
            }
        }
    }
  return 0;
}

int main (int argc, char **argv)
{
  static const unsigned sizes[] = { 24, 100, 500, 1032, 1100, 3000, 20000, 70000, 140000, 300000 };
  static char *slots[SLOTS];
  static char stack[1 << 16];
  if (argc != 5)
    return 2;
  unsigned long field = strtoul (argv[1], NULL, 0), value = strtoul (argv[3], NULL, 0);
  int narrow = argv[2][0] == 'i';
  uint32_t x = (uint32_t) atoi (argv[4]) * 2654435761u + 1;

  sbrk ((intptr_t) (0x1000000 - ((uintptr_t) sbrk (0) & 0xffffff)));
  char *heap = sbrk (0);
  sigaltstack (&(stack_t) { .ss_sp = stack, .ss_size = sizeof stack }, NULL);
  struct sigaction action = { .sa_handler = killed, .sa_flags = SA_ONSTACK };
  sigaction (SIGABRT, &action, NULL);
  sigaction (SIGSEGV, &action, NULL);
  dl_iterate_phdr (find, NULL);
  if (mp == NULL)
    return 3;

  slots[0] = malloc (sizes[0]);
  for (int step = 0; step < STEPS; step++)
    {
      if (step == 20)
        memcpy (mp + field, &value, narrow ? 4 : 8);
      x ^= x << 13;
      x ^= x >> 17;
      x ^= x << 5;
      char **slot = &slots[(x >> 8) % SLOTS];
      if (*slot != NULL)
        {
          free (*slot);
          *slot = NULL;
          say ('b', (char *) sbrk (0) - heap);
          continue;
        }
      *slot = malloc (sizes[(x >> 16) % 10]);
      if (*slot == NULL)
        say ('0', 0);
      else if (*slot >= heap && *slot < heap + HEAP_LIMIT)
        say ('H', *slot - heap);
      else
        say ('M', ((unsigned long *) *slot)[-1]);
    }
  finish ();
}
