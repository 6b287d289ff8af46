"""What the flow tests share: folders to run in, the program as a process, private servers, tables to compare."""
import sys
from pathlib import Path

# The sample generator is a script of the project and a module of the tests.
sys.path.insert(0, str(Path(__file__).resolve().parents[2] / 'scripts'))
