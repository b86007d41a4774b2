/* How long the C library's malloc takes, for bench malloc: the loops of malloc.ts in C.

   malloc-bench CASE LOW HIGH COUNT ROUNDS   prints the least nanoseconds of CPU time per step.

   pair     malloc of LOW bytes and free, COUNT times
   touched  the same, and a byte is written in between
   replace  1000 live blocks of LOW..HIGH bytes: COUNT times a random one is freed and another allocated */

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define LIVE 1000

static double now (void)
{
  struct timespec t;
  clock_gettime (CLOCK_PROCESS_CPUTIME_ID, &t);
  return t.tv_sec * 1e9 + t.tv_nsec;
}

static void pairs (size_t size, long count, int touch)
{
  for (long i = 0; i < count; i++)
    {
      char *volatile p = malloc (size);
      if (touch)
        *p = 1;
      free (p);
    }
}

static void *live[LIVE];
static unsigned *which;
static size_t *sizes;

static void draw (size_t low, size_t high, long count)
{
  uint64_t x = 88172645463325252ULL;
  which = malloc (count * sizeof *which);
  sizes = malloc (count * sizeof *sizes);
  for (long i = 0; i < count; i++)
    {
      x ^= x << 13;
      x ^= x >> 7;
      x ^= x << 17;
      which[i] = x % LIVE;
      sizes[i] = low + (x >> 20) % (high - low + 1);
    }
}

static void replace (long count)
{
  for (long i = 0; i < count; i++)
    {
      unsigned k = which[i];
      free (live[k]);
      live[k] = malloc (sizes[i]);
    }
}

int main (int argc, char **argv)
{
  if (argc != 6)
    return 2;
  size_t low = strtoul (argv[2], NULL, 10), high = strtoul (argv[3], NULL, 10);
  long count = atol (argv[4]);
  double best = 1e99;
  draw (low, high, count);
  for (int round = atoi (argv[5]); round > 0; round--)
    {
      double start = now ();
      if (strcmp (argv[1], "replace") == 0)
        replace (count);
      else
        pairs (low, count, strcmp (argv[1], "touched") == 0);
      double each = (now () - start) / count;
      if (each < best)
        best = each;
    }
  printf ("%.2f\n", best);
  return 0;
}
