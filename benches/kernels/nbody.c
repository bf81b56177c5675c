// f64 arithmetic with square roots and divisions on structs.
struct body { double x, y, z, vx, vy, vz, mass; };
static struct body bodies[5];
static const double start[5][7] = {
    {0, 0, 0, 0, 0, 0, 39.47841760435743},
    {4.84143144246472090, -1.16032004402742839, -0.103622044471123109, 0.606326392995832, 2.81198684491626,
     -0.02521836165988763, 0.03769367487038949},
    {8.34336671824457987, 4.12479856412430479, -0.403523417114321381, -1.01077434617879,
     1.82566237123041186, 0.00841576137658415, 0.01128632613196877},
    {12.8943695621391310, -15.1111514016986312, -0.223307578892655734, 1.08279100644153536,
     0.86871301816960822, -0.01083263740136364, 0.00172372405705971},
    {15.3796971148509165, -25.9193146099879641, 0.179258772950371181, 0.97909073224389798,
     0.59469899864767617, -0.03475595555078104, 0.00203368686992463}};
static double energy(void) {
  double e = 0;
  for (int i = 0; i < 5; i++) {
    struct body *p = &bodies[i];
    e += 0.5 * p->mass * (p->vx * p->vx + p->vy * p->vy + p->vz * p->vz);
    for (int j = i + 1; j < 5; j++) {
      struct body *q = &bodies[j];
      double dx = p->x - q->x, dy = p->y - q->y, dz = p->z - q->z;
      e -= p->mass * q->mass / __builtin_sqrt(dx * dx + dy * dy + dz * dz);
    }
  }
  return e;
}
unsigned run(unsigned n) {
  for (int i = 0; i < 5; i++) {
    double *to = (double *)&bodies[i];
    for (int k = 0; k < 7; k++) to[k] = start[i][k];
  }
  for (unsigned step = 0; step < n; step++) {
    for (int i = 0; i < 5; i++) {
      struct body *p = &bodies[i];
      for (int j = i + 1; j < 5; j++) {
        struct body *q = &bodies[j];
        double dx = p->x - q->x, dy = p->y - q->y, dz = p->z - q->z;
        double d2 = dx * dx + dy * dy + dz * dz;
        double mag = 0.01 / (d2 * __builtin_sqrt(d2));
        p->vx -= dx * q->mass * mag;
        p->vy -= dy * q->mass * mag;
        p->vz -= dz * q->mass * mag;
        q->vx += dx * p->mass * mag;
        q->vy += dy * p->mass * mag;
        q->vz += dz * p->mass * mag;
      }
    }
    for (int i = 0; i < 5; i++) {
      struct body *p = &bodies[i];
      p->x += 0.01 * p->vx;
      p->y += 0.01 * p->vy;
      p->z += 0.01 * p->vz;
    }
  }
  return (unsigned)(energy() * -1e9);
}
