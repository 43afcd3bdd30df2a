from safeconduct.node.cli import main

main()
