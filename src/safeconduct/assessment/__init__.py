"""What the incidents say about places and roads, what each party makes of it, and who decided what."""
