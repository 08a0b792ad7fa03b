/* BAD */
int a;
